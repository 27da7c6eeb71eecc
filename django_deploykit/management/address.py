"""Where people find the site of the environment ``local``."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from django_deploykit.runtime.base.probe import ask, response_problem

_TIMEOUT = 5.0  # seconds


def answering_url(listen: str, page: str) -> str:
    """Return a URL that the site answers in a browser on this machine, or an empty string.

    It is the start page, or else ``page``. Which names the site answers to depends on
    ALLOWED_HOSTS. Unlike a proxy, a browser does not claim that it came by HTTPS.
    """
    for path in dict.fromkeys(("/", page)):
        for name in browser_names(listen):
            answer = ask(listen, path, name, proxied=False, timeout=_TIMEOUT)
            secure = 300 <= answer.status < 400 and answer.location.startswith("https:")
            if not secure and not response_problem(answer, path, name):
                return f"http://{name}{path}"
    return ""


def browser_names(listen: str) -> Iterator[str]:
    """Yield the names, with the port, under which a browser on this machine reaches an address."""
    host, _, port = listen.rpartition(":")
    if listen.startswith("/"):
        return
    if not host or _is_unspecified(host.strip("[]")):
        host = "127.0.0.1"
    yield f"{host}:{port}"
    yield f"localhost:{port}"


def _is_unspecified(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:  # a name
        return False
