"""A stock ``django-admin startproject`` goes live with ten changed lines."""

from __future__ import annotations

import json
import os
import re
import sys
import urllib.request
import zipfile
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests.integration.bundling import KEY, run_bundle
from tests.ports import claim_port
from tests.projects import IDENTITY, manage, run, start_repository, uv, vendor

# What the README says, by the line of settings.py that it replaces or follows.
CHANGES = {
    "from pathlib import Path\n": "from pathlib import Path\nfrom django_deploykit.conf import Config\n",
    "BASE_DIR = Path(__file__).resolve().parent.parent\n": "BASE_DIR = Path(__file__).resolve().parent.parent\n"
    'config = Config("mysite")\n',
    "SECRET_KEY = ": 'SECRET_KEY = config.secret("SECRET_KEY")\n',
    "DEBUG = True\n": 'DEBUG = config.bool("DEBUG", default=False)\n',
    "ALLOWED_HOSTS = []\n": 'ALLOWED_HOSTS = config.hosts("ALLOWED_HOSTS", default=["localhost", "127.0.0.1"])\n',
    "INSTALLED_APPS = [\n": 'INSTALLED_APPS = [\n    "django_deploykit",\n',
    "    'django.middleware.security.SecurityMiddleware',\n": "    'django.middleware.security.SecurityMiddleware',\n"
    '    "whitenoise.middleware.WhiteNoiseMiddleware",\n',
    "STATIC_URL = ": "STATIC_URL = 'static/'\nSTATIC_ROOT = BASE_DIR / \"staticfiles\"\n",
}
DATABASES = """DATABASES = {"default": config.database(default=f"sqlite:///{config.data / 'db.sqlite3'}")}\n"""
LAST = "globals().update(config.production())\n"


def change(text: str) -> str:
    """Apply the changes to settings."""
    lines = []
    waiting = dict(CHANGES)
    for line in text.splitlines(keepends=True):
        found = next((start for start in waiting if line.startswith(start)), None)
        lines.append(waiting.pop(found) if found else line)
    assert not waiting, waiting
    text = "".join([*lines, LAST])
    return re.sub(r"(?ms)^DATABASES = \{.*?^\}\n", lambda _: DATABASES, text)


def changed_lines(project: Path) -> int:
    """Return how many lines differ from what was generated, of what was generated."""
    rows = run("git", "diff", "--numstat", "HEAD~1", "HEAD", "--", "mysite", cwd=project)
    return sum(int(row.split()[0]) for row in rows.splitlines())


def make(folder: Path) -> Path:
    """Generate a project, commit it, change it, commit again."""
    folder.mkdir()
    run(sys.executable, "-m", "django", "startproject", "mysite", folder)
    (folder / "requirements.in").write_text(
        f"django=={run(sys.executable, '-m', 'django', '--version').strip()}\n"
        "gunicorn\npython-decouple\nwhitenoise\n"
    )
    words = ("pip", "compile", "-q", "--generate-hashes", "requirements.in")
    run(uv(), *words, "-o", "requirements.txt", cwd=folder, **index())
    (folder / ".gitignore").write_text("*.sqlite3\n")
    start_repository(folder)
    vendor(folder)
    settings = folder / "mysite" / "settings.py"
    settings.write_text(change(settings.read_text()))
    run("git", "add", "-A", cwd=folder)
    run("git", "commit", "-qm", "Deploy", cwd=folder, **IDENTITY)
    return folder


def index() -> dict[str, str]:
    """Return the environment in which uv asks the index that this machine is configured with."""
    from django_deploykit.bundle.run_uv import pip_settings, uv_environment

    return uv_environment(dict(os.environ), pip_settings())


def pass_through(
    project: Path, folder: Path, port: int, health: str = "/", python: str = sys.executable
) -> None:
    """Check, bundle, run and release a project; the site answers at the end."""
    ini = project / "deploykit.ini"
    if not ini.exists():
        ini.write_text(f"[environment:local]\nlisten = 127.0.0.1:{port}\nhealth = {health}\n")
        run("git", "add", "-A", cwd=project)
        run("git", "commit", "-qm", "Listen elsewhere", cwd=project, **IDENTITY)
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
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/admin/login/", timeout=20) as page:
            assert b"csrfmiddlewaretoken" in page.read()
    finally:
        manage(project, "release", "stop", python=python, **state)


def test_ten_changed_lines_are_enough(tmp_path: Path) -> None:
    project = make(tmp_path / "site")
    assert changed_lines(project) <= 10
    # It has no page at /, so another one is its health path.
    pass_through(project, tmp_path, claim_port(), health="/admin/login/")
