"""Why a site's socket does not listen."""

from __future__ import annotations

import errno
import re
import socket
from typing import Tuple

from ..base.hints import as_root, change_option

_TCP = re.compile(r"(?:\[?(?P<host>[0-9A-Fa-f.:]*?)\]?:)?(?P<port>[0-9]+)\Z")


def listening_problem(app: str, listen: str) -> Tuple[str, str]:
    """Return what is wrong with the socket of an app, which failed to start, and what to do.

    ``listen`` is its address.
    """
    unit = f"{app}.socket"
    if not is_in_use(listen):
        return f"{unit} does not listen on {listen}", f"See why: {as_root(f'journalctl -u {unit}')}"
    port = listen.rpartition(":")[2]
    elsewhere = change_option("listen", "WHERE")
    hint = (
        f"See which one: {as_root(f'ss -ltnp sport = :{port}')}\n"
        f"End it, or let the site listen elsewhere: {elsewhere}."
    )
    return f"{unit} cannot listen on {listen}: another program listens there", hint


def is_in_use(listen: str) -> bool:
    """Whether another program listens on an address, which is not a path."""
    found = _TCP.match(listen)
    if not found:
        return False
    host = found["host"] or "0.0.0.0"
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, int(found["port"])))
            sock.listen(1)
        except (OSError, OverflowError) as error:
            return getattr(error, "errno", None) == errno.EADDRINUSE
    return False
