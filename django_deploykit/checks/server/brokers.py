"""Checks of the brokers of task queues, and of the workers that should answer through them."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable, Iterator, Mapping

from django.conf import settings

from django_deploykit.checks.catalogue import check
from django_deploykit.checks.finding import Finding, Undecided
from django_deploykit.checks.project_settings import error_text
from django_deploykit.checks.subject import Subject
from django_deploykit.conf.readers import Entry
from django_deploykit.conf.urls import standard_parts
from django_deploykit.time_limits import NoAnswerError, within

_PORTS = {"redis": 6379, "rediss": 6379, "amqp": 5672, "amqps": 5671, "pyamqp": 5672}
_CELERY = re.compile(r"\bcelery\b(?:.*?\s(?:-A|--app)[ =]?(?P<app>[\w.:]+))?")
_PATIENCE = 2.0  # seconds in which a worker answers


@check("E508")
def unreachable_broker(subject: Subject) -> Iterator[Finding]:
    """The broker of Celery, RQ, Dramatiq or Huey cannot be reached.

    Every page that starts a task fails.
    """
    brokers = dict.fromkeys(_iter_brokers(subject))
    limit = subject.limit / 2 / max(len(brokers), 1)
    for setting, host, port in brokers:
        if not 0 < port < 65536:
            problem = f"{setting}: the address of the broker has no valid port"
            yield Finding(problem, "A port is a number from 1 to 65535.", setting)
            continue
        address = (host, port)
        try:
            within(limit, lambda: socket.create_connection(address, 5).close())  # noqa: B023 - used at once
        except (OSError, NoAnswerError) as error:
            yield Finding(
                f"{setting}: {host}:{port} cannot be reached: {error}",
                "Check that the broker runs, and that the URL is right.",
                setting,
            )


@check("W510")
def no_worker(subject: Subject) -> Iterator[Finding]:
    """No worker of Celery or RQ answers.

    Tasks are queued, and nobody runs them. A release leaves this out, because its own workers start
    only at the switch.
    """
    for name, count in (("Celery", _celery_workers), ("RQ", _rq_workers)):
        try:
            workers = within(subject.limit / 3, lambda: count(subject))  # noqa: B023 - used at once
        except (Undecided, NoAnswerError) as error:
            raise Undecided(f"workers of {name} cannot be asked: {error}") from None
        if workers == 0:
            yield Finding(
                f"no worker of {name} answered within {_PATIENCE:g} s",
                "Start one: add a line such as worker: celery -A PROJECT worker to the Procfile, "
                "or see its log.",
            )


def _iter_brokers(subject: Subject) -> Iterator[tuple[str, str, int]]:
    """Yield the setting, host and port of each broker. The port is -1 if it is not a number."""
    for name in ("CELERY_BROKER_URL", "BROKER_URL"):
        value = getattr(settings, name, "") or ""
        urls = value if isinstance(value, (list, tuple)) else str(value).split(";")
        yield from _addresses(name, urls)
    for queue in _mapping("RQ_QUEUES").values():
        if isinstance(queue, Mapping) and queue.get("HOST"):
            yield "RQ_QUEUES", str(queue["HOST"]), _number(queue.get("PORT") or 6379)
        elif isinstance(queue, Mapping):
            yield from _addresses("RQ_QUEUES", [queue.get("URL")])
    options = _mapping("DRAMATIQ_BROKER").get("OPTIONS")
    yield from _addresses("DRAMATIQ_BROKER", [options.get("url")] if options else [])
    connection = _mapping("HUEY").get("connection")
    if isinstance(connection, Mapping) and connection.get("host"):
        yield "HUEY", str(connection["host"]), _number(connection.get("port") or 6379)
    yield from _addresses(
        "HUEY", [connection.get("url")] if isinstance(connection, Mapping) else []
    )


def _mapping(name: str) -> Entry:
    value = getattr(settings, name, None)
    return dict(value) if isinstance(value, Mapping) else {}


def _addresses(setting: str, urls: Iterable[object]) -> Iterator[tuple[str, str, int]]:
    for url in urls:
        text = str(url or "").strip()
        scheme = text.partition("://")[0].lower()
        if scheme not in _PORTS:
            continue
        parts = standard_parts(text)
        if parts is None:
            yield setting, "", -1
        elif parts.hostname:
            yield setting, parts.hostname, _PORTS[scheme] if parts.port is None else parts.port


def _number(value: object) -> int:
    try:
        return int(str(value))
    except ValueError:
        return -1


def _celery_workers(subject: Subject) -> int | None:
    """Return how many workers of Celery answer, or None if the project runs none of its own."""
    found = [_CELERY.search(process.command) for process in subject.processes]
    names = {match["app"] for match in found if match and match["app"]}
    if not names:
        return None
    try:
        from celery.app.utils import find_app  # type: ignore[import-not-found,unused-ignore]

        apps = [find_app(name) for name in sorted(names)]
        return sum(len(app.control.ping(timeout=_PATIENCE) or ()) for app in apps)
    except Exception as error:  # noqa: BLE001 - a project's app and its broker may raise anything
        raise Undecided(error_text(error)) from None


def _rq_workers(subject: Subject) -> int | None:
    """Return how many workers of RQ are registered, or None if the project does not use django-rq."""
    if not _mapping("RQ_QUEUES"):
        return None
    try:
        from django_rq import get_connection  # type: ignore[import-not-found,unused-ignore]
        from rq import Worker  # type: ignore[import-not-found,unused-ignore]

        return sum(
            int(Worker.count(connection=get_connection(name))) for name in _mapping("RQ_QUEUES")
        )
    except Exception as error:  # noqa: BLE001 - the broker may raise anything
        raise Undecided(error_text(error)) from None
