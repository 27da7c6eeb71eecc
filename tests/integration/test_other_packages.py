"""Projects with Celery, Channels, or no database, with the real packages."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from django_deploykit.project.procfile import default_web
from django_deploykit.runtime.storage.shell import shell_command
from tests.integration.checking import KEY
from tests.integration.test_startproject import index
from tests.ports import claim_port
from tests.projects import ROOT, commit, make_shop, manage, run, start_repository, uv
from tests.waiting import until


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a virtualenv's bin with the packages that these projects use."""
    folder = tmp_path_factory.mktemp("packages") / "venv"
    wanted = ("celery", "channels", "uvicorn-worker", "websockets", "gunicorn")
    run(uv(), "venv", "-q", "--no-project", "--python", sys.executable, folder)
    python = folder / "bin" / "python"
    argv = ("pip", "install", "-q", "--python", str(python), *wanted)
    run(uv(), *argv, cwd=None, **index())
    site = next((folder / "lib").glob("python*/site-packages"))
    (site / "this_working_copy.pth").write_text(f"{ROOT}\n")
    return folder / "bin"


def start(packages: Path, folder: Path) -> Path:
    """Return a project as ``startproject`` makes it, with our app."""
    folder.mkdir()
    run(packages / "python", "-m", "django", "startproject", "shop", folder)
    settings = folder / "shop" / "settings.py"
    text = settings.read_text().replace("APPS = [", "APPS = [\n    'django_deploykit',", 1)
    settings.write_text(text)
    start_repository(folder)
    return folder


def findings(packages: Path, project: Path, *ids: str) -> dict[str, dict[str, str]]:
    """Return what ``deploy_check`` finds with these checks, by their numbers."""
    words = [word for one in ids for word in ("--only", one)]
    argv = ("deploy_check", "--format", "json", *words)
    done = manage(project, *argv, python=str(packages / "python"), SECRET_KEY=KEY)
    found = json.loads(done.stdout)["findings"]
    return {one["id"].removeprefix("deploykit."): one for one in found}


CELERY = """
import os
from celery import Celery
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
app = Celery("shop", broker="memory://")
app.config_from_object("django.conf:settings", namespace="CELERY")
"""


def test_the_schedule_of_beat_goes_to_the_data_folder(packages: Path, tmp_path: Path) -> None:
    project = start(packages, tmp_path / "project")
    (project / "shop" / "celery.py").write_text(CELERY)
    (project / "shop" / "__init__.py").write_text("from .celery import app\n")
    (project / "Procfile").write_text("web: gunicorn shop.wsgi\nbeat: celery -A shop beat\n")
    found = findings(packages, project, "E828")["E828"]
    assert found["message"].startswith(
        "the process beat of the Procfile writes celerybeat-schedule"
    )
    line = found["hint"].split("`")[1]
    (project / "Procfile").write_text(f"web: gunicorn shop.wsgi\nbeat: {line}\n")
    assert findings(packages, project, "E828") == {}
    data = tmp_path / "my data"
    data.mkdir()
    env = {"PATH": f"{packages}:/usr/bin:/bin", "STATE_DIRECTORY": str(data), "C_FORCE_ROOT": "1"}
    beat = subprocess.Popen(["/bin/sh", "-c", shell_command(line)], cwd=project, env=env)
    try:
        until(lambda: any(data.iterdir()), seconds=60)
    finally:
        beat.terminate()
        beat.wait()
    assert not list(project.glob("celerybeat*"))
    settings = project / "shop" / "settings.py"
    with settings.open("a") as file:
        file.write('CELERY_BEAT_SCHEDULER = "shop.schedulers:DatabaseScheduler"\n')
    (project / "Procfile").write_text("beat: celery -A shop beat\n")
    assert findings(packages, project, "E828") == {}  # it writes no file


ASGI = """
import os
from channels.generic.websocket import WebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
application = ProtocolTypeRouter({
    "http": get_asgi_application(),
    "websocket": URLRouter([path("ws/", WebsocketConsumer.as_asgi())]),
})
"""


def handshake(port: int) -> str:
    """Return the first line that a server answers to a WebSocket, or an empty string."""
    lines = ("GET /ws/ HTTP/1.1", "Host: localhost", "Upgrade: websocket", "Connection: Upgrade")
    key = ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13")
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
            client.sendall("\r\n".join([*lines, *key, "", ""]).encode())
            return client.recv(1000).decode().partition("\r\n")[0]
    except OSError:
        return ""


def test_channels_without_a_procfile_is_served_by_asgi(packages: Path, tmp_path: Path) -> None:
    project = start(packages, tmp_path / "project")
    ids = ("E829", "E830", "I831")
    assert findings(packages, project, *ids) == {}  # wsgi.py and asgi.py, as Django writes them
    (project / "shop" / "asgi.py").write_text(ASGI)
    found = findings(packages, project, *ids)
    assert set(found) == {"I831"}
    assert "releases serve shop.asgi by ASGI: asgi.py routes WebSockets" in found["I831"]["message"]
    web = default_web("", "shop.asgi:application", ["gunicorn", "uvicorn", "uvicorn-worker"])
    assert web is not None
    port = claim_port()
    env = {"PATH": f"{packages}:/usr/bin:/bin", "PORT": str(port), "WEB_CONCURRENCY": "1"}
    server = subprocess.Popen(["/bin/sh", "-c", shell_command(web.command)], cwd=project, env=env)
    try:
        until(lambda: handshake(port), seconds=60)
        assert handshake(port) == "HTTP/1.1 101 Switching Protocols"
    finally:
        server.terminate()
        server.wait()
    (project / "Procfile").write_text("web: gunicorn shop.wsgi\n")
    found = findings(packages, project, *ids)
    assert set(found) == {"E829"}
    assert "the web line of the Procfile serves WSGI" in found["E829"]["message"]


URLS = """
from django.http import HttpResponse
from django.urls import path

urlpatterns = [path(name, lambda request: HttpResponse("ok")) for name in ("", "up")]
"""


def without_database(text: str) -> str:
    """Return the shop's settings without its database and what uses it."""
    before, rest = text.split("DATABASES = {", 1)
    text = before + rest.split("\n}\n", 1)[1]
    names = ("admin", "auth", "contenttypes", "sessions", "messages")
    unwanted = ('"shop",', *(f'"django.contrib.{name}' for name in names))
    lines = text.splitlines(keepends=True)
    return "".join(line for line in lines if not line.strip().startswith(unwanted))


def test_a_project_without_a_database_is_released(tmp_path: Path) -> None:
    port = claim_port()
    project = make_shop(tmp_path, port)
    settings = project / "shop" / "settings.py"
    settings.write_text(without_database(settings.read_text()))
    (project / "shop" / "urls.py").write_text(URLS)
    commit(project)
    done = manage(project, "deploy_check", SECRET_KEY=KEY)
    assert done.returncode == 0, done.stdout + done.stderr
    state = {"XDG_DATA_HOME": str(tmp_path / "data"), "XDG_STATE_HOME": str(tmp_path / "state")}
    try:
        live = manage(project, "release", "--noinput", **state)
        assert live.returncode == 0, live.stdout + live.stderr
        assert "no migrations are pending" in live.stdout + live.stderr
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/up", timeout=60) as page:
            assert page.read() == b"ok"
    finally:
        manage(project, "release", "stop", "--noinput", **state)
