"""``init --lock``: a project of each tool without a lock file, locked by the real tool, then bundled."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command

from tests.integration.bundling import build_environment
from tests.projects import commit, start_repository, wheel

SHAPES = {
    "poetry.lock": {
        "pyproject.toml": "[tool.poetry]\nname = 'shop'\nversion = '0'\npackage-mode = false\n"
        "[tool.poetry.dependencies]\npython = '>=3.10'\n"
    },
    "pdm.lock": {
        "pyproject.toml": "[project]\nname = 'shop'\nversion = '0'\nrequires-python = '>=3.10'\n"
        "dependencies = []\n[tool.pdm]\ndistribution = false\n"
    },
    "uv.lock": {
        "pyproject.toml": "[project]\nname = 'shop'\nversion = '0'\nrequires-python = '>=3.10'\n"
    },
    "Pipfile.lock": {
        "Pipfile": "[[source]]\nname = 'pypi'\nurl = 'https://pypi.org/simple'\n"
        "verify_ssl = true\n[packages]\n"
    },
    "requirements.txt": {"requirements.txt": "django>=4.2\n"},
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A new project, with our wheel in ``vendor/`` as long as we are on no index."""
    folder = tmp_path / "shop"
    (folder / "vendor").mkdir(parents=True)
    call_command("startproject", "shop", str(folder))
    (folder / "vendor" / wheel().name).write_bytes(wheel().read_bytes())
    return folder


def init(project: Path) -> subprocess.CompletedProcess[str]:
    """Run ``init --lock`` as a user would."""
    return ours(project, "init", "--lock", "--noinput")


def ours(project: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a project that does not have us among its apps."""
    words = [sys.executable, "-m", "django_deploykit", *argv]
    env = {key: value for key, value in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"}
    return subprocess.run(words, cwd=project, env=env, capture_output=True, text=True)


@pytest.mark.parametrize("lock", SHAPES)
def test_the_projects_own_tool_makes_its_lock_file(lock: str, project: Path, caches: Path) -> None:
    for name, text in SHAPES[lock].items():
        (project / name).write_text(text)
    before = {path.name for path in project.iterdir()}
    done = init(project)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{lock} has " in done.stdout
    assert "$ uv " in done.stdout
    new = {path.name for path in project.iterdir()} - before
    assert new <= {lock, "requirements.in"}
    names = {layer.name for layer in build_environment(project, lock).layers}
    assert {"django", "django-deploykit", "gunicorn"} <= names
    again = init(project)
    assert (again.returncode, again.stdout) == (0, "nothing to change\n")


def test_a_project_with_nothing_but_imports_is_bundled(project: Path) -> None:
    settings = project / "shop" / "settings.py"
    more = "import whitenoise\nSECRET_KEY = 'k' * 50\nALLOWED_HOSTS = ['*']\nSTATIC_ROOT = BASE_DIR / 'static'\n"
    settings.write_text(settings.read_text() + more)
    start_repository(project)
    refused = ours(project, "bundle")
    assert refused.returncode == 1
    assert "Or let python -m django_deploykit init --lock do it." in refused.stderr
    done = init(project)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "+whitenoise~=" in done.stdout
    commit(project)
    bundled = ours(project, "bundle")
    assert bundled.returncode == 0, bundled.stderr


def test_a_list_above_the_project_is_locked_where_it_is(project: Path, tmp_path: Path) -> None:
    start_repository(tmp_path)
    (project / "vendor").rename(tmp_path / "vendor")
    (tmp_path / "requirements.in").write_text("django\n")
    done = init(project)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "../requirements.txt has " in done.stdout
    assert "--hash=" in (tmp_path / "requirements.txt").read_text()
    assert not (project / "requirements.in").exists()
