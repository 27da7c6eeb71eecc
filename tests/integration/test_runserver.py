"""``runserver`` under a manage.py with our function: Django's reloader, as with Django's own."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.ports import claim_port
from tests.waiting import until

SETTINGS = """
DEBUG = True
SECRET_KEY = "x"
INSTALLED_APPS = ["shop"]
ROOT_URLCONF = "shop.urls"
"""
URLS = """
from django.http import HttpResponse
from django.urls import path
urlpatterns = [path("", lambda request: HttpResponse("hello"))]
"""
MANAGE = """
import os, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
from {}.management import execute_from_command_line
execute_from_command_line(sys.argv)
"""


@pytest.mark.parametrize("package", ["django.core", "django_deploykit"])
def test_runserver_waits_for_a_broken_app_to_be_corrected(package: str, tmp_path: Path) -> None:
    (tmp_path / "manage.py").write_text(MANAGE.format(package), encoding="utf-8")
    app = tmp_path / "shop"
    app.mkdir()
    (app / "__init__.py").touch()
    (app / "settings.py").write_text(SETTINGS, encoding="utf-8")
    (app / "urls.py").write_text(URLS, encoding="utf-8")
    (app / "models.py").write_text("x ==\n", encoding="utf-8")
    port = claim_port()
    log = tmp_path / "log"

    def answer() -> bytes:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60) as page:
                return bytes(page.read())
        except OSError:
            return b""

    def corrected() -> bool:
        # Written again each time: the reloader does not see a change before its first look.
        (app / "models.py").write_text("x = 1\n", encoding="utf-8")
        return answer() == b"hello"

    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "runserver", f"127.0.0.1:{port}"],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1"},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            until(lambda: "SyntaxError" in log.read_text())
            assert process.poll() is None
            until(corrected, every=1)
        finally:
            os.killpg(process.pid, 15)
            process.wait(60)
