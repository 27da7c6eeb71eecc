"""What is known about an application server, in one value."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Callable, Collection, Dict, List, Tuple


def _no_environment(drain: float) -> Dict[str, str]:
    return {}


def _no_lines(version: str) -> List[str]:
    return []


@dataclass(frozen=True)
class Server:
    """An application server that a Procfile may run as ``web``.

    Its processes inherit two listening sockets, the site's and the release's own for probes, as
    descriptors 3 and 4 (``LISTEN_FDS``, ``LISTEN_PID``, as sd_listen_fds(3) describes).
    """

    name: str  # of the program and of the distribution
    # Returns the Procfile's default `web` command for a WSGI and an ASGI application ("" for none)
    # and the names of the locked distributions; "" where the server cannot run them.
    default_command: Callable[[str, str, Collection[str]], str]
    # Whether it notifies systemd when it is ready (sd_notify); others count as started at once.
    notifies: bool = False
    # Returns the environment of its unit, for a drain time in seconds.
    unit_environment: Callable[[float], Dict[str, str]] = _no_environment
    # Returns shell lines that go before every process of a release, for the locked version.
    shell_lines: Callable[[str], List[str]] = _no_lines
    # Options that do not belong into production: a pattern, and what it does.
    risky_options: Tuple[Tuple[str, str], ...] = ()

    def is_in(self, command: str) -> bool:
        """Whether a Procfile's command runs this server.

        >>> Server("gunicorn", lambda *_: "").is_in("A=1 bin/gunicorn shop.wsgi")
        True
        """
        return bool(re.search(rf"(?:^|[\s/;&|]){re.escape(self.name)}(?:\s|$)", command))
