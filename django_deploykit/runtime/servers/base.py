"""The properties of an application server."""

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

    Its processes inherit two listening sockets as descriptors 3 and 4: the site's, and the
    release's own for probes (``LISTEN_FDS``, ``LISTEN_PID``, see sd_listen_fds(3)).
    """

    name: str  # of the program and of the distribution
    # Returns the Procfile's default `web` command, or an empty string if the server cannot run the
    # project. Arguments: WSGI application, ASGI application (empty if none), locked distributions.
    default_command: Callable[[str, str, Collection[str]], str]
    # Whether it notifies systemd when it is ready (sd_notify); others count as ready at once.
    notifies: bool = False
    # Returns the environment of its unit, given the drain time in seconds.
    unit_environment: Callable[[float], Dict[str, str]] = _no_environment
    # Returns shell lines that run before every process of a release, given the locked version.
    shell_lines: Callable[[str], List[str]] = _no_lines
    # Options that are unsuitable for production: a pattern, and what the option does.
    risky_options: Tuple[Tuple[str, str], ...] = ()

    def is_in(self, command: str) -> bool:
        """Whether a Procfile's command runs this server.

        >>> Server("gunicorn", lambda *_: "").is_in("A=1 bin/gunicorn shop.wsgi")
        True
        """
        return bool(re.search(rf"(?:^|[\s/;&|]){re.escape(self.name)}(?:\s|$)", command))
