"""The tutorial, run as it is written: every file, edit and command, and what it says they print."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.following import missing, shell
from tests.docs.markdown import ROOT, Block, blocks
from tests.ports import claim_port
from tests.projects import IDENTITY

TUTORIAL = ROOT / "docs" / "tutorial.md"
BETWEEN = "=====block %s====="


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Yield a scratch folder; a site that is still live there afterwards is stopped."""
    yield tmp_path
    project = tmp_path / "notes"
    python = project / ".venv" / "bin" / "python"
    if python.exists():
        subprocess.run([python, "manage.py", "release", "stop"], cwd=project, capture_output=True)


def test_tutorial_works_as_written(folder: Path) -> None:
    assert shutil.which("curl"), "the tutorial needs curl"
    steps = [one for one in blocks(TUTORIAL) if one.language == "sh" or one.note]
    port = str(claim_port())
    script = "\n".join(["set -e", *(marked(number, one) for number, one in enumerate(steps))])
    done = subprocess.run(
        ["bash", "-c", script.replace(":8000", f":{port}")],
        cwd=folder,
        env={**environment(), "DEPLOYKIT": str(ROOT), "PYTHONPATH": ""},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    output = done.stdout.replace(f":{port}", ":8000")
    last = output.rpartition("=====block ")[2].partition("=====")[0]
    assert done.returncode == 0, f"{steps[int(last)].where} failed:\n{output[-3000:]}"
    said = dict(zip(*[iter(re.split(r"=====block (\d+)=====\n", output)[1:])] * 2, strict=True))
    assert [line for n, one in enumerate(steps) for line in missing(one, said[str(n)])] == []


def marked(number: int, block: Block) -> str:
    """Return the shell lines of a block behind a line that says which it is."""
    return f"echo {BETWEEN % number}\n{shell(block)}"


def environment() -> dict[str, str]:
    """Return the environment of somebody who reads: none of the tests' own settings."""
    env = {
        k: v for k, v in os.environ.items() if k not in ("DJANGO_SETTINGS_MODULE", "VIRTUAL_ENV")
    }
    return {**env, **IDENTITY, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


@pytest.mark.parametrize("word", ["test_tutorial_works_as_written", "curl"])
def test_lines_that_are_not_printed_are_found(word: str) -> None:
    assert [line for one in blocks(TUTORIAL) for line in missing(one, word)]
