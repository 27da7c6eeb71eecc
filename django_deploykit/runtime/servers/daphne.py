"""daphne: runs a small program that listens for it, and answers its last requests."""

from __future__ import annotations

from typing import Collection

from .base import Server, for_asgi, replace_program, without_options

_ADDRESSES = (
    "-b", "--bind", "-p", "--port", "-u", "--unix-socket", "--fd", "-e", "--endpoint",
)  # fmt: skip

default_command = for_asgi("daphne -b 0.0.0.0 -p ${PORT:-8000}")


def on_sockets(command: str, locked: Collection[str] = ()) -> str:
    """Return the command of our program that runs daphne.

    >>> on_sockets("daphne -b 0.0.0.0 -p $PORT shop.asgi:application")
    'python -m django_deploykit.servers.daphne shop.asgi:application'
    """
    program = "python -m django_deploykit.servers.daphne"
    return replace_program(without_options(command, _ADDRESSES), "daphne", program)


DAPHNE = Server(name="daphne", default_command=default_command, on_sockets=on_sockets, wrapped=True)
