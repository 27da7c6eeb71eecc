"""The site's health path, requested in this process through its middleware without a server."""

from __future__ import annotations

import os
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from wsgiref.util import setup_testing_defaults

from django.conf import settings
from django.db import Error as DatabaseErrors
from django.db import connections

from django_deploykit.checks.catalogue import check
from django_deploykit.checks.finding import Finding, Undecided
from django_deploykit.checks.subject import Subject
from django_deploykit.runtime.base.probe import Response, response_problem, usable_host

_TIMEOUT = 20.0  # seconds


@check("E814")
def unhealthy(subject: Subject) -> Iterator[Finding]:
    """A health page of the site does not return a good response.

    It is requested inside the checking process, through the site's own middleware, so that an
    unhealthy release is found before it listens anywhere. Before migrations, only a response that
    needed no database counts.
    """
    undecided: Undecided | None = None
    for url in subject.ask.split():
        try:
            problem = request_problem(parse_request(url), unmigrated=subject.unmigrated)
        except Undecided as error:
            undecided = error
            continue
        if problem:
            yield Finding(problem, "No visitor saw this: the checking process made the request.")
    if undecided is not None:
        raise undecided


@dataclass(frozen=True)
class HealthRequest:
    """A request for a path of ``host``, as passed on by a proxy that serves ``scheme``."""

    path: str
    host: str
    scheme: str


def parse_request(url: str) -> HealthRequest:
    """Return the request for a path or a URL. The default host is the first of ALLOWED_HOSTS.

    >>> parse_request("https://www.example.com/up")
    HealthRequest(path='/up', host='www.example.com', scheme='https')
    """
    parts = urlsplit(url)
    path = parts.path or "/"
    host = parts.netloc or usable_host([str(one) for one in settings.ALLOWED_HOSTS])
    path = f"{path}?{parts.query}" if parts.query else path
    return HealthRequest(path, host, parts.scheme or "http")


def request_problem(
    request: HealthRequest, timeout: float = _TIMEOUT, *, unmigrated: bool = False
) -> str:
    """Make the request in this process.

    Return what is wrong with the response, or an empty string. ``unmigrated``: migrations are
    pending. A response that asked a database may be different after them, which raises
    :class:`Undecided`.
    """
    found: list[tuple[Response, str, bool]] = []
    thread = threading.Thread(target=lambda: found.append(_respond(request)), daemon=True)
    thread.start()
    thread.join(timeout)
    if not found:
        problem = f"GET {request.path} was not answered within {timeout:.0f} s"
        if unmigrated:  # it may wait for a database
            raise Undecided(f"{problem}, and migrations are pending")
        return problem
    answer, raised, queried = found[0]
    if queried and unmigrated:
        raise Undecided(f"GET {request.path} asked a database, and migrations are pending")
    problem = response_problem(answer, request.path, request.host)
    return f"{problem}: {raised}" if problem and raised else problem


def _respond(request: HealthRequest) -> tuple[Response, str, bool]:
    """Return the response, the exception that the site raised or "", and if a database was asked."""
    from django.core.handlers.wsgi import WSGIHandler
    from django.core.signals import got_request_exception

    raised: list[str] = []
    queries: list[object] = []

    def note(**_: object) -> None:
        error = sys.exc_info()[1]
        raised.append(_describe(error))
        if _comes_from_database(error):
            queries.append(error)

    def count(execute: Any, *arguments: Any) -> Any:
        queries.append(arguments[0])
        return execute(*arguments)

    heads: list[tuple[str, list[tuple[str, str]]]] = []
    got_request_exception.connect(note)
    try:
        with ExitStack() as stack:
            for connection in connections.all():
                stack.enter_context(connection.execute_wrapper(count))
            response = WSGIHandler()(
                _environ(request), lambda status, rows: heads.append((status, rows))
            )
            for _ in response:
                pass
            response.close()
    except Exception as error:  # noqa: BLE001 - middleware may raise anything when it is loaded
        return Response(500), _describe(error), bool(queries) or _comes_from_database(error)
    finally:
        got_request_exception.disconnect(note)
    status, rows = heads[0]
    location = next((value for name, value in rows if name.lower() == "location"), "")
    answer = Response(int(status.split()[0]), location)
    return answer, raised[-1] if raised else "", bool(queries)


def _comes_from_database(error: BaseException | None) -> bool:
    """Whether an exception is a database's, or was caused by one."""
    while error is not None:
        if isinstance(error, DatabaseErrors):
            return True
        error = error.__cause__ or error.__context__
    return False


def _environ(request: HealthRequest) -> dict[str, object]:
    """Return the WSGI environment from a server behind a proxy, which sets the scheme."""
    path, _, query = request.path.partition("?")
    name, _, port = request.host.partition(":")
    environ: dict[str, object] = {
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": name,
        "SERVER_PORT": port or "80",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": request.host,
        "HTTP_USER_AGENT": "django-deploykit",
        "wsgi.errors": sys.stderr,
    }
    if request.scheme == "https":
        environ["HTTP_X_FORWARDED_PROTO"] = "https"
    setup_testing_defaults(environ)
    return environ


def _describe(error: BaseException | None) -> str:
    """Return an exception's type and place. Its text is left out, as it may contain secrets."""
    if error is None:
        return ""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {os.path.relpath(frames[-1].filename)}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{where}"
