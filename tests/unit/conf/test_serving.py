"""Whether a project is served by WSGI or ASGI, and what follows for its connections."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.conf import Config
from django_deploykit.conf.serving import is_asgi

WEB = {
    "gunicorn shop.wsgi": False,
    "gunicorn --bind unix:/run/asgish.sock shop.wsgi:application": False,
    "gunicorn -k uvicorn.workers.UvicornWorker shop.asgi:application": True,
    "gunicorn -k uvicorn_worker.UvicornWorker shop.server:app": True,
    "gunicorn shop.asgi -k asgi": True,
    "uvicorn --port $PORT shop.asgi:application": True,
    "daphne shop.routing:application": True,
    "granian --interface asgi shop.server:app": True,
    "granian --interface wsgi shop.wsgi:application": False,
    "hypercorn shop.server:app": True,
}


def project(folder: Path, procfile: str = "", *files: str) -> Path:
    """Write a project with its settings in ``shop/`` and return its folder."""
    (folder / "shop").mkdir(parents=True)
    (folder / "manage.py").write_text("", encoding="utf-8")
    for name in files:
        (folder / "shop" / name).write_text("", encoding="utf-8")
    if procfile:
        (folder / "Procfile").write_text(procfile, encoding="utf-8")
    return folder


@pytest.mark.parametrize(("command", "asgi"), WEB.items())
def test_the_web_process_says_what_serves(command: str, asgi: bool, tmp_path: Path) -> None:
    project(tmp_path, f"worker: celery -A shop.asgi\nweb: {command}\n")
    assert is_asgi(tmp_path) is asgi


@pytest.mark.parametrize(
    ("files", "asgi"),
    [((), False), (("wsgi.py", "asgi.py"), False), (("asgi.py",), True), (("wsgi.py",), False)],
)
def test_without_a_procfile_the_application_says_it(
    files: tuple[str, ...], asgi: bool, tmp_path: Path
) -> None:
    assert is_asgi(project(tmp_path, "", *files)) is asgi


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("settings.py", 'ASGI_APPLICATION = "shop.asgi.application"\n'),
        ("settings.py", 'INSTALLED_APPS = [\n    "daphne",\n]\n'),
        ("settings/base.py", 'INSTALLED_APPS = [\n    "channels",\n]\n'),
        ("asgi.py", "application = ProtocolTypeRouter({})\n"),
    ],
)
def test_a_project_with_channels_is_served_by_asgi(name: str, text: str, tmp_path: Path) -> None:
    project(tmp_path, "", "asgi.py", "wsgi.py")
    assert is_asgi(tmp_path) is False
    path = tmp_path / "shop" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    assert is_asgi(tmp_path) is True


def test_the_procfile_may_be_above_the_settings_package(tmp_path: Path) -> None:
    project(tmp_path, "web: daphne config.asgi:application\n")
    (tmp_path / "config" / "settings").mkdir(parents=True)
    assert is_asgi(tmp_path / "config") is True


@pytest.mark.parametrize(("server", "seconds"), [("gunicorn shop.wsgi", 60), ("daphne x", 0)])
def test_connections_are_only_kept_where_threads_are(
    server: str, seconds: int, tmp_path: Path
) -> None:
    folder = project(tmp_path, f"web: {server}\n")
    config = Config("shop", etc=tmp_path, environ={"DATABASE_URL": "postgres://u:p@h/d"})
    config._folder = str(folder / "shop")
    assert config.database()["CONN_MAX_AGE"] == seconds
    asked = Config("shop", etc=tmp_path, environ={"DATABASE_URL": "mysql://h/d?conn_max_age=5"})
    asked._folder = str(folder / "shop")
    assert asked.database()["CONN_MAX_AGE"] == 5


def test_settings_next_to_manage_py_belong_to_that_folder(tmp_path: Path) -> None:
    (tmp_path / "Procfile").write_text("web: daphne shop.asgi:application\n", encoding="utf-8")
    folder = project(tmp_path / "site", "")
    config = Config("shop", etc=tmp_path, environ={"DATABASE_URL": "postgres://u:p@h/d"})
    config._folder = str(folder)
    assert config.database()["CONN_MAX_AGE"] == 60
    (folder / "asgi.py").write_text("", encoding="utf-8")
    assert config.database()["CONN_MAX_AGE"] == 0
