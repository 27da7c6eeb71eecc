"""Programs that start an application server on the two sockets that a release gets.

They are for servers that take one socket by their own options. The launch script of a release runs
them in its virtualenv (``runtime/servers/``), with the server's arguments.
"""

from __future__ import annotations

import socket

BACKLOG = 2048  # as in the unit of the site's socket
LAST_REQUESTS = 1.0  # seconds after the end of listening in which accepted connections are read
SERVICE_RESTART = 1012  # the code with which WebSockets are closed
DESCRIPTORS = (3, 4)  # of the site's socket and of the release's own, see sd_listen_fds(3)


def inherited_sockets() -> list[socket.socket]:
    """Return the listening sockets that systemd or another supervisor passed to this process."""
    return [socket.socket(fileno=number) for number in DESCRIPTORS]
