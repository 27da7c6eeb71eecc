"""The site's health path, requested in this process through its middleware without a server."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from django.conf import settings
from django.db import Error as DatabaseErrors
from django.db import connections

from django_deploykit.checks.catalogue import check
from django_deploykit.checks.finding import Finding, Undecided
from django_deploykit.checks.offline import iter_causes
from django_deploykit.checks.site_requests import wsgi_environ
from django_deploykit.checks.subject import Subject
from django_deploykit.conf.urls import standard_parts
from django_deploykit.runtime.base.probe import Response, response_problem, usable_host
from django_deploykit.time_limits import NoAnswerError, within


@check("E814")
def unhealthy(subject: Subject) -> Iterator[Finding]:
    """A health page of the site does not return a good response.

    It is requested inside the checking process, through the site's own middleware, so that an
    unhealthy release is found before it listens anywhere. Before migrations, only a response that
    needed no database counts.
    """
    undecided: Undecided | None = None
    urls = subject.ask.split()
    for url in urls:
        limit = 0.9 * subject.limit / len(urls)  # the runner stops the check at its whole limit
        try:
            problem = request_problem(parse_request(url), limit, unmigrated=subject.unmigrated)
        except ValueError as error:
            problem = str(error)
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

    Raises :class:`ValueError` if it is neither.

    >>> parse_request("https://www.example.com/up")
    HealthRequest(path='/up', host='www.example.com', scheme='https')
    """
    host = usable_host([str(one) for one in settings.ALLOWED_HOSTS])
    if url.startswith("/"):
        return HealthRequest(url.partition("#")[0], host, "http")
    parts = standard_parts(url)
    if parts is None or parts.scheme not in ("http", "https"):
        raise ValueError(
            f"expected a path such as /up or a URL such as https://www.example.com/up, not {url!r}"
        )
    path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    return HealthRequest(path, parts.netloc or host, parts.scheme)


def request_problem(
    request: HealthRequest, timeout: float = 20.0, *, unmigrated: bool = False
) -> str:
    """Make the request in this process, for at most ``timeout`` seconds.

    Return what is wrong with the response, or an empty string. ``unmigrated``: migrations are
    pending. A response that asked a database may be different after them, which raises
    :class:`Undecided`.
    """
    try:
        answer, raised, queried = within(timeout, lambda: _respond(request))
    except NoAnswerError:
        problem = f"GET {request.path} was not answered within {timeout:g} s"
        if unmigrated:  # it may wait for a database
            raise Undecided(f"{problem}, and migrations are pending") from None
        return problem
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

    def count(execute: Callable[..., object], *arguments: object) -> object:
        queries.append(arguments[0])
        return execute(*arguments)

    heads: list[tuple[str, list[tuple[str, str]]]] = []
    got_request_exception.connect(note)
    try:
        with ExitStack() as stack:
            for connection in connections.all():
                stack.enter_context(connection.execute_wrapper(count))
            response = WSGIHandler()(
                wsgi_environ(request.path, request.host, request.scheme),
                lambda status, rows: heads.append((status, rows)),
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
    return any(isinstance(one, DatabaseErrors) for one in iter_causes(error))


def _describe(error: BaseException | None) -> str:
    """Return an exception's type and place. Its text is left out, as it may contain secrets."""
    if error is None:
        return ""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {os.path.relpath(frames[-1].filename)}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{where}"
