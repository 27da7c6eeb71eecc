"""uWSGI: takes descriptors as addresses of ``--http-socket``."""

from __future__ import annotations

import re
from typing import Collection

from .base import Server, replace_program, without_options

# Options with an address, without the ones for TLS.
ADDRESSES = (
    "-s", "--socket", "--uwsgi-socket", "--puwsgi-socket", "--http", "--http-socket", "--http11-socket",
    "--fastcgi-socket", "--fastcgi-nph-socket", "--scgi-socket", "--scgi-nph-socket", "--raw-socket",
    "--shared-socket", "--undeferred-shared-socket",
)  # fmt: skip
_OPTIONS = (
    "--master --http-socket fd://3 --http-socket fd://4 "
    # It closes every connection after the response, without saying so. There are no quotes, so that
    # the line may be quoted: bash -c '…'.
    "--add-header Connection:\\ close "
    # By itself it reloads on SIGTERM, and ends without answering with --die-on-term.
    "--hook-master-start unix_signal:15\\ gracefully_kill_them_all"
)


def default_command(wsgi: str, asgi: str, distributions: Collection[str]) -> str:
    """Return an empty string: projects that want uWSGI say so in their Procfile."""
    return ""


def on_sockets(command: str, locked: Collection[str] = ()) -> str:
    """Return the command with both sockets and an end that answers all requests.

    Without LISTEN_FDS uWSGI does not add the sockets again, for its own protocol.
    """
    program = f"env -u LISTEN_FDS {{folder}}uwsgi {_OPTIONS}"
    plain = re.sub(r"\s--(?:die-on-term|master)(?=\s|$)|\s-M(?=\s|$)", "", command)
    return replace_program(without_options(plain, ADDRESSES), "uwsgi", program)


UWSGI = Server(
    name="uwsgi",
    default_command=default_command,
    on_sockets=on_sockets,
    distributions=("uwsgi", "pyuwsgi"),
    notifies=True,
    risky_options=(
        (r"--py-auto-?reload\b", "--py-autoreload, which is only for development"),
        (r"(?:--daemonize2?|\s-d)\b", "--daemonize, which leaves the supervisor"),
    ),
)
