"""Projects to check, and how a test runs ``manage.py deploy_check`` on them."""

from __future__ import annotations

import difflib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from django_deploykit.runtime.base.documents import Document
from tests.projects import ROOT, manage, run, start_repository

KEY = "kT3v_0zQm9sXf2LrWn7Yb4Hd8Pc1Jg6Ua5Eo-iBqRtVxZwNyMkSl"

# The Django and Python that these tests run on may be past their end (W110), or not be the locked ones
# (W117), and the tests change files without a commit (W840).
DEPLOY_CHECK = ("deploy_check", "--skip", "W110", "--skip", "W117", "--skip", "W840")

# A line of a lock file for this package, which the projects use.
OURS = f"django-deploykit==1.0 --hash=sha256:{'0' * 64}\n"

# What the README says to change in settings as startproject writes them.
README_LINES = (
    (
        "from pathlib import Path\n",
        "from pathlib import Path\nfrom django_deploykit.conf import Config\nconfig = Config('site')\n",
    ),
    ("DEBUG = True\n", "DEBUG = config.bool('DEBUG', default=False)\n"),
    (
        "ALLOWED_HOSTS = []\n",
        "ALLOWED_HOSTS = config.hosts('ALLOWED_HOSTS', default=['localhost', '127.0.0.1'])\n",
    ),
    ("INSTALLED_APPS = [\n", "INSTALLED_APPS = [\n    'django_deploykit',\n"),
    (
        "    'django.middleware.security.SecurityMiddleware',\n",
        (
            "    'django.middleware.security.SecurityMiddleware',\n"
            "    'whitenoise.middleware.WhiteNoiseMiddleware',\n"
        ),
    ),
    (
        "STATIC_URL = 'static/'\n",
        (
            "STATIC_URL = 'static/'\nSTATIC_ROOT = BASE_DIR / 'staticfiles'\n"
            "globals().update(config.production())\n"
        ),
    ),
)


@pytest.fixture(scope="session")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The test project in a repository of its own."""
    project = tmp_path_factory.mktemp("check") / "shop"
    junk = shutil.ignore_patterns("__pycache__", ".deploykit", "staticfiles", "*.sqlite3", "vendor")
    shutil.copytree(ROOT / "testproject", project, ignore=junk)
    with (project / "requirements.txt").open("a", encoding="utf-8") as file:
        file.write(OURS)
    start_repository(project)
    return project


@pytest.fixture(scope="session")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project as ``startproject`` makes it, with the README's lines."""
    project = tmp_path_factory.mktemp("stock")
    run(sys.executable, "-m", "django", "startproject", "site_", project)
    (project / ".gitignore").write_text("*.pyc\ndb.sqlite3\n", encoding="utf-8")
    settings = project / "site_" / "settings.py"
    before = settings.read_text(encoding="utf-8").replace('"', "'")
    text = before
    for old, new in README_LINES:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    lines = []
    for line in text.splitlines():
        lines.append(
            "SECRET_KEY = config.secret('SECRET_KEY')" if line.startswith("SECRET_KEY") else line
        )
    text = "\n".join(lines) + "\n"
    start, end = text.index("DATABASES = {"), text.index("# Password validation")
    entry = 'DATABASES = {"default": config.database(default=f"sqlite:///{config.data / \'db.sqlite3\'}")}\n'
    text = text[:start] + entry + text[end:]
    diff = difflib.ndiff(before.splitlines(), text.splitlines())
    assert sum(line.startswith("+ ") for line in diff) <= 10
    # Since Django 6.1 startproject writes mail to the console; this site sends none.
    text = re.sub(r"MAILERS = \{.*?\n\}\n", "", text, flags=re.DOTALL)
    settings.write_text(text, encoding="utf-8")
    locked = (ROOT / "testproject" / "requirements.txt").read_text(encoding="utf-8")
    (project / "requirements.txt").write_text(locked + OURS, encoding="utf-8")
    page = "[environment:production]\nhosts = a\nhealth = /admin/login/\n"
    (project / "deploykit.ini").write_text(page, encoding="utf-8")
    start_repository(project)
    return project


def copy(project: Path, folder: Path, line: str = "") -> Path:
    """Return a copy of a project, with a line added to its settings."""
    made = folder / project.name
    shutil.copytree(project, made)
    if line:
        with (made / "shop" / "settings.py").open("a", encoding="utf-8") as file:
            file.write(line + "\n")
    return made


def check(project: Path, *argv: str, command: Sequence[str] = DEPLOY_CHECK, **env: str) -> Document:
    """Run the command and return its JSON."""
    done = manage(project, *command, "--format", "json", *argv, **env)
    assert done.stdout, done.stderr
    data: Document = json.loads(done.stdout)
    assert done.returncode == (1 if data["failed"] else 0)
    return data


def python(folder: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder, with no settings chosen."""
    env = {key: value for key, value in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"}
    return subprocess.run(
        [sys.executable, *argv], cwd=folder, env=env, capture_output=True, text=True
    )
