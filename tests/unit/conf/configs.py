"""Configs and settings modules for tests."""

from __future__ import annotations

import secrets
import subprocess
import sys
import textwrap
from pathlib import Path

from django_deploykit.conf import Config

KEY = secrets.token_urlsafe(50)


def make(tmp_path: Path, ini: str = "", **environ: str) -> Config:
    """Return a Config whose ``/etc`` is ``tmp_path``."""
    etc = tmp_path / "etc"
    etc.mkdir(parents=True, exist_ok=True)
    if ini:
        (etc / "shop.ini").write_text(textwrap.dedent(ini), encoding="utf-8")
    return Config("shop", etc=etc, environ=environ)


def run_settings(
    tmp_path: Path, body: str, *argv: str, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run Django with a settings module of this text."""
    (tmp_path / "site_settings.py").write_text(textwrap.dedent(body), encoding="utf-8")
    code = "from django.core.management import execute_from_command_line; import sys; execute_from_command_line(sys.argv)"
    (tmp_path / "manage.py").write_text(code, encoding="utf-8")
    return subprocess.run(
        [sys.executable, "manage.py", *argv],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "DJANGO_SETTINGS_MODULE": "site_settings", **env},
        capture_output=True,
        text=True,
    )


SETTINGS = """
    from django_deploykit.conf import Config
    config = Config("shop")
    DEBUG = config.bool("DEBUG", default=False)
    SECRET_KEY = config.secret("SECRET_KEY")
    ALLOWED_HOSTS = config.hosts("ALLOWED_HOSTS")
    PORT = config.int("WEB_PORT", default=80)
"""
