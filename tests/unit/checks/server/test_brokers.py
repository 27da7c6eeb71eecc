"""Brokers of task queues, and their workers."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.test import override_settings

from django_deploykit.checks.finding import Undecided
from django_deploykit.runtime.base.documents import Document
from tests.unit.checks.cases import run_check


@pytest.fixture
def listening() -> Iterator[int]:
    """The port of something that accepts connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def closed() -> int:
    """A port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a worker of Celery."""
    text = "web: gunicorn shop.wsgi\nworker: celery -A shop worker\nbeat: celery --app=shop beat\n"
    (tmp_path / "Procfile").write_text(text)
    return tmp_path


def brokers(port: int) -> list[Document]:
    """Return the settings of a broker on a port, for each library."""
    url = f"redis://:hunter2@127.0.0.1:{port}/0"
    return [
        {"CELERY_BROKER_URL": url},
        {"CELERY_BROKER_URL": f"amqp://shop:hunter2@127.0.0.1:{port}//;{url}"},
        {"BROKER_URL": [url]},
        {"RQ_QUEUES": {"default": {"HOST": "127.0.0.1", "PORT": port, "PASSWORD": "hunter2"}}},
        {"RQ_QUEUES": {"default": {"URL": url}, "low": {"USE_REDIS_CACHE": "default"}}},
        {"DRAMATIQ_BROKER": {"BROKER": "x", "OPTIONS": {"url": url}}},
        {"HUEY": {"connection": {"host": "127.0.0.1", "port": port}}},
        {"HUEY": {"connection": {"url": url}}},
    ]


def test_a_broker_that_cannot_be_reached_is_found(
    listening: int, closed: int, tmp_path: Path
) -> None:
    for settings in brokers(listening):
        with override_settings(**settings):
            assert run_check("E508", tmp_path) == []
    for settings in brokers(closed):
        with override_settings(**settings):
            (found,) = run_check("E508", tmp_path)
        assert f"{next(iter(settings))}: 127.0.0.1:{closed} cannot be reached" in found.message
        assert "hunter2" not in found.message


@pytest.mark.parametrize(
    "settings",
    [
        {"CELERY_BROKER_URL": "redis://:hunter2@cache:six/1"},
        {"BROKER_URL": "amqp://guest:hunter2@broker:99999//"},
        {"CELERY_BROKER_URL": "redis://[::1/1"},
        {"RQ_QUEUES": {"default": {"HOST": "cache", "PORT": "six"}}},
        {"HUEY": {"connection": {"host": "cache", "port": "six"}}},
    ],
)
def test_a_port_that_is_none_is_named(settings: dict[str, object], tmp_path: Path) -> None:
    with override_settings(**settings):
        (found,) = run_check("E508", tmp_path)
    assert found.message == f"{next(iter(settings))}: the address of the broker has no valid port"


def test_brokers_that_hang_are_found_before_the_check_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = threading.Event()
    monkeypatch.setattr(socket, "create_connection", lambda *_: ended.wait(60))
    with override_settings(CELERY_BROKER_URL="redis://a;redis://b"):
        found = run_check("E508", tmp_path, limit=0.2)
    ended.set()
    assert [one.message for one in found] == [
        f"CELERY_BROKER_URL: {host}:6379 cannot be reached: no answer within 0.05 s"
        for host in ("a", "b")
    ]


@pytest.mark.parametrize("settings", [{}, {"HUEY": object()}, {"CELERY_BROKER_URL": "sqs://"}])
def test_other_brokers_are_not_asked(settings: dict[str, object], tmp_path: Path) -> None:
    with override_settings(**settings):
        assert run_check("E508", tmp_path) == []


def celery(monkeypatch: pytest.MonkeyPatch, answers: Any) -> list[str]:
    """Install a Celery whose workers give these answers. Return the apps that are asked for."""
    asked: list[str] = []

    class App:
        control: Any

        def ping(self, timeout: float) -> Any:
            if isinstance(answers, Exception):
                raise answers
            return answers

    def find_app(name: str) -> App:
        asked.append(name)
        app = App()
        app.control = app
        return app

    utils: Any = ModuleType("celery.app.utils")
    utils.find_app = find_app
    for name, module in (
        ("celery", ModuleType("celery")),
        ("celery.app", ModuleType("celery.app")),
        ("celery.app.utils", utils),
    ):
        monkeypatch.setitem(sys.modules, name, module)
    return asked


def test_workers_of_celery_that_do_not_answer_are_found(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = celery(monkeypatch, [])
    (found,) = run_check("W510", project)
    assert found.message == "no worker of Celery answered within 2 s"
    assert asked == ["shop"]
    celery(monkeypatch, [{"celery@web1": {"ok": "pong"}}])
    assert run_check("W510", project) == []


def test_workers_that_cannot_be_asked_are_not_judged(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    celery(monkeypatch, OSError("refused"))
    with pytest.raises(Undecided, match="workers of Celery cannot be asked: refused"):
        run_check("W510", project)


def test_workers_of_rq_that_are_not_registered_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = {"default": 0, "low": 0}
    django_rq: Any = ModuleType("django_rq")
    django_rq.get_connection = lambda name: name
    rq: Any = ModuleType("rq")
    rq.Worker = type("Worker", (), {"count": staticmethod(lambda connection: counts[connection])})
    monkeypatch.setitem(sys.modules, "django_rq", django_rq)
    monkeypatch.setitem(sys.modules, "rq", rq)
    with override_settings(RQ_QUEUES={"default": {}, "low": {}}):
        assert len(run_check("W510", tmp_path)) == 1
        counts["low"] = 1
        assert run_check("W510", tmp_path) == []


def test_a_project_without_workers_has_none_to_miss(tmp_path: Path) -> None:
    assert run_check("W510", tmp_path) == []
