"""The facts about a site that a web server needs, and what is the same with all of them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import List, Sequence

from ..servers import server_in

# Headers that only the web server in front may set: it replaces or removes what visitors send.
# gunicorn reads the last two from everybody who reaches its Unix socket.
SET_HEADERS = (
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Forwarded-Proto",
    "X-Real-IP",
)
REMOVED_HEADERS = (
    "Forwarded",
    "Front-End-Https",
    "Proxy",
    "X-Forwarded-Prefix",
    "X-Forwarded-Protocol",
    "X-Forwarded-Scheme",
    "X-Forwarded-Server",
    "X-Forwarded-Ssl",
    "X-Scheme",
    "PATH_INFO",
    "SCRIPT_NAME",
)
# What visitors see while nothing answers. No quotes, braces, dollars or backslashes: web servers
# have their own meanings for them.
UNAVAILABLE_PAGE = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>Back soon</title>"
    "<h1>Back soon</h1><p>The site does not answer at the moment. Please try again in a minute.</p></html>"
)
RETRY_AFTER = 30  # seconds
HASHED = r"\.[0-9a-f]{12}\.[^/]+$"  # names of static files that carry a hash never change
UPLOAD_LIMIT = 20  # MiB
_TIME_LIMIT = 60  # seconds


@dataclass(frozen=True)
class FrontOptions:
    """What a person chooses for the web server.

    With a ``certificate`` and its ``key``, the web server uses these files for HTTPS. If
    ``media_folder`` is not empty, it serves uploads below ``media_url`` from it. It accepts bodies
    of ``upload_limit`` MiB, and waits ``time_limit`` seconds for an answer. ``version`` is the
    installed version of the web server, empty if it is not known.
    """

    certificate: str = ""
    key: str = ""
    media_url: str = ""  # ends with a slash
    media_folder: str = ""
    upload_limit: int = UPLOAD_LIMIT
    time_limit: int = _TIME_LIMIT
    version: Sequence[int] = ()


@dataclass(frozen=True)
class Website:
    """A site from the view of a web server in front of it.

    ``listen`` is a path or ``HOST:PORT``. If ``static_folder`` is not empty, the web server serves
    static files below ``static_url`` from it. Otherwise WhiteNoise serves them from the release.
    """

    app: str
    listen: str
    names: Sequence[str]  # host names, "*.example.com" and ".example.com" included
    static_url: str = ""  # ends with a slash
    static_folder: str = ""
    options: FrontOptions = field(default_factory=FrontOptions)

    @property
    def on_socket(self) -> bool:
        """Whether the site listens on a Unix socket."""
        return self.listen.startswith("/")


def time_limit(command: str) -> int:
    """Return how many seconds a web server waits for a ``web`` command's answers.

    It is longer than the time after which the application server itself gives up, so that the
    visitor gets the application server's answer.

    >>> time_limit("gunicorn shop.wsgi --timeout 120"), time_limit("gunicorn shop.wsgi")
    (125, 60)
    """
    server = server_in(command)
    option = {"gunicorn": r"(?:--timeout|-t)", "uwsgi": r"--harakiri"}.get(
        server.name if server else ""
    )
    found = re.search(rf"\s{option}[= ]\s*(\d{{1,6}})(?:\s|$)", command) if option else None
    return max(_TIME_LIMIT, int(found[1]) + 5 if found else 0)


def indented(lines: Sequence[str], by: str) -> List[str]:
    """Return lines with ``by`` before each that is not empty."""
    return [by + line if line else line for line in lines]
