"""Sends a request to a web process, with a Host header that Django accepts."""

from __future__ import annotations

import socket
import time
from typing import List

from .hints import change_option
from .lazy_dataclass import lazy_dataclass


@lazy_dataclass(frozen=True)
class Response:
    """A response. ``status`` is 0 if there was none; ``problem`` then says why."""

    status: int
    location: str = ""
    problem: str = ""
    seconds: float = 0.0


def _connect(address: str, timeout: float) -> socket.socket:
    """Return a connection to a unix socket's path or to ``host:port``."""
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


def ask(
    address: str, path: str, host: str, proxied: bool = True, timeout: float = 10.0
) -> Response:
    """Send ``GET path`` to a unix socket or ``host:port``; network errors are in the result."""
    import http.client  # slow to import, and most verbs send no request

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
        return Response(response.status, location, "", time.monotonic() - begun)
    except (OSError, http.client.HTTPException) as error:
        return Response(0, "", str(error) or type(error).__name__, time.monotonic() - begun)
    finally:
        connection.close()


def response_problem(response: Response, path: str, host: str) -> str:
    """Return what is wrong with the response to a health probe, or an empty string."""
    if response.status == 0:
        return f"GET {path} got no response: {response.problem}"
    if 300 <= response.status < 400 and _is_same_page(response.location, path, host):
        return (
            f"GET {path} redirects to itself ({response.status} to {response.location}): behind a proxy "
            "Django needs SECURE_PROXY_SSL_HEADER"
        )
    if response.status == 400:
        return f"GET {path} answered 400: is {host!r} in ALLOWED_HOSTS?"
    if response.status == 404:
        return f"GET {path} answered 404: to name a page of the site, {change_option('health', 'PATH')}"
    if response.status >= 400:
        return f"GET {path} answered {response.status}"
    return ""


def _is_same_page(location: str, path: str, host: str) -> bool:
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
