"""The build job of the page about CI, run line by line in a new virtualenv."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from tests.docs.markdown import ROOT, blocks
from tests.projects import IDENTITY, make_shop, wheel

PAGE = ROOT / "docs" / "how-to" / "release-from-ci.md"


def lines_of(job: str) -> list[str]:
    """Return the ``run`` lines of a job on the page."""
    (text,) = [one.text for one in blocks(PAGE) if one.text.startswith(f"{job}:")]
    return re.findall(r"- run: (.+)", text)


def test_the_build_job_works_as_written(tmp_path: Path) -> None:
    project = make_shop(tmp_path)
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    # We are on no index, so pip finds us next to the project. The lines are those of the page.
    env = {
        **{key: value for key, value in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"},
        **IDENTITY,
        "PATH": f"{tmp_path}/venv/bin:{os.environ['PATH']}",
        "PIP_FIND_LINKS": str(wheel().parent),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PYTHONPATH": "",
    }
    lines = lines_of("build")
    assert len(lines) == 4
    (vendored,) = re.findall(r"`(pip install \S+ vendor/.+)`", PAGE.read_text(encoding="utf-8"))
    for line in (*lines, vendored):
        done = subprocess.run(
            ["bash", "-ec", line], cwd=project, env=env, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    facts = json.loads((project / "bundle.json").read_text())
    assert (project / facts["path"]).is_file()
    assert len(facts["sha256"]) == 64


def test_both_jobs_install_alike() -> None:
    installs = [
        [line for line in lines_of(job) if "pip" in line] for job in ("build", "production")
    ]
    assert installs[0] == installs[1]
