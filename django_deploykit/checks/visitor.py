"""A visitor inside this process: one request through the site's own middleware, no server, no socket."""

from __future__ import annotations

import io
import os
import sys
import threading
import traceback
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from django_deploykit.runtime.base.probe import Answer, judge, usable_host

_PATIENCE = 20.0  # seconds; a page that takes longer is no health page


@dataclass(frozen=True)
class Visit:
    """What is asked: a path, as a proxy that speaks ``scheme`` would hand it on for ``host``."""

    path: str
    host: str
    scheme: str


def read_visit(url: str) -> Visit:
    """Return the visit of a path or a URL; a host left out is the first usable of ALLOWED_HOSTS.

    >>> read_visit("https://www.example.com/up")
    Visit(path='/up', host='www.example.com', scheme='https')
    """
    parts = urlsplit(url)
    path = parts.path or "/"
    host = parts.netloc or usable_host([str(one) for one in settings.ALLOWED_HOSTS])
    return Visit(f"{path}?{parts.query}" if parts.query else path, host, parts.scheme or "http")


def ask(visit: Visit, patience: float = _PATIENCE) -> str:
    """Ask the site in this process; returns what is wrong with the answer, or ""."""
    found: list[tuple[Answer, str]] = []
    thread = threading.Thread(target=lambda: found.append(_answer(visit)), daemon=True)
    thread.start()
    thread.join(patience)
    if not found:
        return f"GET {visit.path} was not answered within {patience:.0f} s"
    answer, raised = found[0]
    problem = judge(answer, visit.path, visit.host)
    return f"{problem}: {raised}" if problem and raised else problem


def _answer(visit: Visit) -> tuple[Answer, str]:
    from django.core.handlers.wsgi import WSGIHandler
    from django.core.signals import got_request_exception

    raised: list[str] = []

    def note(**_: Any) -> None:
        raised.append(_place(sys.exc_info()[1]))

    heads: list[tuple[str, list[tuple[str, str]]]] = []
    got_request_exception.connect(note)
    try:
        response = WSGIHandler()(_environ(visit), lambda status, rows: heads.append((status, rows)))
        for _ in response:
            pass
        response.close()
    except Exception as error:  # noqa: BLE001 - middleware may fail in any way when it is loaded
        return Answer(500), _place(error)
    finally:
        got_request_exception.disconnect(note)
    status, rows = heads[0]
    location = next((value for name, value in rows if name.lower() == "location"), "")
    return Answer(int(status.split()[0]), location), raised[-1] if raised else ""


def _environ(visit: Visit) -> dict[str, Any]:
    """Return what a server would hand on; the proxy in front is believed to say the scheme."""
    path, _, query = visit.path.partition("?")
    name, _, port = visit.host.partition(":")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": name,
        "SERVER_PORT": port or "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": visit.host,
        "HTTP_USER_AGENT": "django-deploykit",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    if visit.scheme == "https":
        environ["HTTP_X_FORWARDED_PROTO"] = "https"
    return environ


def _place(error: BaseException | None) -> str:
    """Return an exception's type and where it was raised; its text may hold what is nobody's business."""
    if error is None:
        return ""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {os.path.relpath(frames[-1].filename)}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{where}"
