"""A site of ``wagtail start`` goes live: some forty distributions, C extensions, migrations by the hundred.

The virtualenv that generates it is made from uv's cache; its layers stay in the cache of bundles. The first
run on a machine takes a minute, the next ones half of it.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.integration.test_startproject import changed_lines, index, init, pass_through
from tests.ports import claim_port
from tests.projects import run, uv, wheel


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Return a generated site, changed and locked; its virtualenv is next to it."""
    python = tmp_path / "venv" / "bin" / "python"
    project = tmp_path / "site"
    project.mkdir()
    ours = wheel()
    run(uv(), "venv", "-q", "--no-project", tmp_path / "venv")
    run(
        uv(),
        "pip",
        "install",
        "-q",
        "--python",
        python,
        "wagtail",
        f"{ours}[deploy]",
        cwd=None,
        **index(),
    )
    run(tmp_path / "venv" / "bin" / "wagtail", "start", "mysite", project)
    # Its template wants a Django that needs a newer Python than this one may be.
    (project / "requirements.txt").write_text("wagtail\n")
    init(project, python)
    digest = hashlib.sha256(ours.read_bytes()).hexdigest()
    assert f"--hash=sha256:{digest}" in (project / "requirements.txt").read_text()
    return project


def test_a_wagtail_site_is_checked_bundled_run_and_released(site: Path, tmp_path: Path) -> None:
    assert changed_lines(site) <= 10
    pass_through(site, tmp_path, claim_port(), python=str(tmp_path / "venv" / "bin" / "python"))
