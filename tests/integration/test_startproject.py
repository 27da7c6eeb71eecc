"""A stock ``django-admin startproject`` goes live with ten changed lines, which ``init`` makes."""

from __future__ import annotations

import json
import os
import shutil
import sys
import urllib.request
import zipfile
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests.integration.bundling import KEY, run_bundle
from tests.ports import claim_port
from tests.projects import IDENTITY, manage, run, start_repository, wheel


def changed_lines(project: Path) -> int:
    """Return how many lines differ from what was generated, of what was generated."""
    words = ("diff", "-U0", "HEAD~1", "HEAD", "--", "mysite")
    rows = run("git", *words, cwd=project).splitlines()
    return sum(row.startswith("+") and not row.startswith("+++") and row != "+" for row in rows)


def init(project: Path, python: str | Path = sys.executable) -> str:
    """Commit a project, prepare it with ``init``, and commit again. Return what init printed."""
    start_repository(project)
    said = run(python, "-m", "django_deploykit", "init", "--noinput", cwd=project, **index())
    run("git", "add", "-A", cwd=project)
    run("git", "commit", "-qm", "Deploy", cwd=project, **IDENTITY)
    return said


def make(folder: Path) -> Path:
    """Generate a project and prepare it. It keeps our wheel in ``vendor/``."""
    folder.mkdir()
    run(sys.executable, "-m", "django", "startproject", "mysite", folder)
    (folder / "vendor").mkdir()
    shutil.copy(wheel(), folder / "vendor")
    init(folder)
    return folder


def index() -> dict[str, str]:
    """Return the environment in which uv asks the index that this machine is configured with."""
    from django_deploykit.bundle.run_uv import pip_settings, uv_environment

    return uv_environment(dict(os.environ), pip_settings())


def pass_through(project: Path, folder: Path, port: int, python: str = sys.executable) -> None:
    """Check, bundle, run and release a project; the site answers at the end."""
    ini = project / "deploykit.ini"
    ini.write_text(ini.read_text().replace(":8000", f":{port}"))
    run("git", "commit", "-qam", "Listen elsewhere", cwd=project, **IDENTITY)
    done = manage(project, "deploy_check", "--fail-level", "error", python=python)
    assert done.returncode == 0, done.stdout + done.stderr
    done = manage(project, "bundle", "--json", python=python)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["processes"]["web"].startswith("gunicorn ")
    with zipfile.ZipFile(facts["path"]) as bundle:
        sbom = bundle.read("sbom.cdx.json").decode()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(sbom) is None
    home = {"HOME": str(folder), "SECRET_KEY": KEY, "DATABASE_URL": f"sqlite:///{folder}/x.sqlite3"}
    ran = run_bundle(facts["path"], "migrate", "-v0", **home)
    assert ran.returncode == 0, ran.stderr
    state = {"XDG_DATA_HOME": str(folder / "data"), "XDG_STATE_HOME": str(folder / "state")}
    try:
        words = ("release", "--noinput", "--bundle", facts["path"])
        live = manage(project, *words, python=python, **state)
        assert live.returncode == 0, live.stdout + live.stderr
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/admin/login/", timeout=60) as page:
            assert b"csrfmiddlewaretoken" in page.read()
    finally:
        manage(project, "release", "stop", python=python, **state)


def test_ten_changed_lines_are_enough_and_init_makes_them(tmp_path: Path) -> None:
    project = make(tmp_path / "site")
    assert changed_lines(project) <= 10
    pass_through(project, tmp_path, claim_port())
    again = (sys.executable, "-m", "django_deploykit", "init")
    assert run(*again, cwd=project) == "nothing to change\n"
    dev = {"MYSITE_CONFIG": "dev.ini", "PYTHONPATH": ""}
    shown = manage(
        project,
        "shell",
        "-v0",
        "-c",
        "from django.conf import settings as s; print(s.DEBUG)",
        **dev,
    )
    assert shown.stdout == "True\n", shown.stderr
