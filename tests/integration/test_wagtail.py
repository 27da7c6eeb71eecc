"""A site of ``wagtail start`` goes live: some forty distributions, C extensions, migrations by the hundred.

The virtualenv that generates it is made from uv's cache; its layers stay in the cache of bundles. The first
run on a machine takes a minute, the next ones half of it.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from tests.integration.test_startproject import changed_lines, index, pass_through
from tests.ports import claim_port
from tests.projects import IDENTITY, run, start_repository, uv, wheel

PRODUCTION = """\
from django_deploykit.conf import Config
config = Config("mysite")
SECRET_KEY = config.secret("SECRET_KEY")
ALLOWED_HOSTS = config.hosts("ALLOWED_HOSTS", default=["localhost", "127.0.0.1"])
MIDDLEWARE.insert(1, "whitenoise.middleware.WhiteNoiseMiddleware")
DATABASES = {"default": config.database(default=f"sqlite:///{config.data / 'db.sqlite3'}")}
MEDIA_ROOT = config.data / "media"
globals().update(config.production())
"""


def change(project: Path) -> None:
    """Make the ten changes."""
    wsgi = project / "mysite" / "wsgi.py"
    wsgi.write_text(wsgi.read_text().replace("settings.dev", "settings.production"))
    base = project / "mysite" / "settings" / "base.py"
    text = base.read_text()
    base.write_text(
        text.replace("INSTALLED_APPS = [\n", 'INSTALLED_APPS = [\n    "django_deploykit",\n')
    )
    with (project / "mysite" / "settings" / "production.py").open("a") as file:
        file.write(PRODUCTION)


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
    (project / "requirements.txt").unlink()
    (project / "vendor").mkdir()
    shutil.copy(ours, project / "vendor")
    (project / "requirements.in").write_text(f"wagtail\n./vendor/{ours.name}\n")
    words = ("pip", "compile", "-q", "--generate-hashes", "--python", str(python))
    run(uv(), *words, "requirements.in", "-o", "requirements.txt", cwd=project, **index())
    digest = hashlib.sha256(ours.read_bytes()).hexdigest()
    assert f"--hash=sha256:{digest}" in (project / "requirements.txt").read_text()
    (project / ".gitignore").write_text("__pycache__/\n*.sqlite3\n")
    start_repository(project)
    change(project)
    run("git", "add", "-A", cwd=project)
    run("git", "commit", "-qm", "Deploy", cwd=project, **IDENTITY)
    return project


def test_a_wagtail_site_is_checked_bundled_run_and_released(site: Path, tmp_path: Path) -> None:
    assert changed_lines(site) <= 10
    pass_through(site, tmp_path, claim_port(), python=str(tmp_path / "venv" / "bin" / "python"))
