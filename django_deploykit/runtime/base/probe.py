"""Asking a web process: one request to an address, with a Host header that Django accepts."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from typing import List


@dataclass(frozen=True)
class Answer:
    """What came back: ``status`` 0 where nothing did, with the reason in ``problem``."""

    status: int
    location: str = ""
    problem: str = ""
    seconds: float = 0.0


def _connect(address: str, timeout: float) -> socket.socket:
    """Return a connection to a unix path or to ``host:port``."""
    if address.startswith("/"):
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.settimeout(timeout)
            sock.connect(address)
        except OSError:
            sock.close()
            raise
        return sock
    host, _, port = address.rpartition(":")
    host = {"0.0.0.0": "127.0.0.1", "[::]": "::1", "": "127.0.0.1"}.get(host, host.strip("[]"))
    return socket.create_connection((host, int(port)), timeout)


def ask(address: str, path: str, host: str, proxied: bool = True, timeout: float = 10.0) -> Answer:
    """Send ``GET path`` to a unix socket's path or ``host:port``; never raises for what goes wrong."""
    import http.client  # slow to load, and most verbs ask nothing

    headers = {"Host": host, "User-Agent": "django-deploykit", "Connection": "close"}
    if proxied:
        headers["X-Forwarded-Proto"] = "https"
    begun = time.monotonic()
    connection = http.client.HTTPConnection("localhost", timeout=timeout)
    try:
        connection.sock = _connect(address, timeout)
        connection.putrequest("GET", path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        response.read()
        location = response.getheader("Location") or ""
        return Answer(response.status, location, "", time.monotonic() - begun)
    except (OSError, http.client.HTTPException) as error:
        return Answer(0, "", str(error) or type(error).__name__, time.monotonic() - begun)
    finally:
        connection.close()


def judge(answer: Answer, path: str, host: str) -> str:
    """Return what is wrong with an answer to a health probe, or ""."""
    if answer.status == 0:
        return f"GET {path} was not answered: {answer.problem}"
    if 300 <= answer.status < 400 and _itself(answer.location, path, host):
        return (
            f"GET {path} redirects to itself ({answer.status} to {answer.location}): behind a proxy "
            "Django needs SECURE_PROXY_SSL_HEADER"
        )
    if answer.status == 400:
        return f"GET {path} answered 400: is {host!r} in ALLOWED_HOSTS?"
    if answer.status == 404:
        return f"GET {path} answered 404: `health` in deploykit.ini must name a page of the site"
    if answer.status >= 400:
        return f"GET {path} answered {answer.status}"
    return ""


def _itself(location: str, path: str, host: str) -> bool:
    bare = location.partition("://")[2] or location
    return bare in (path, host + path)


def usable_host(allowed: List[str]) -> str:
    """Return a Host header that ``ALLOWED_HOSTS`` accepts.

    >>> usable_host([".example.com"])
    'www.example.com'
    """
    for name in allowed:
        if name and "*" not in name:
            return "www" + name if name.startswith(".") else name
    return "localhost"
