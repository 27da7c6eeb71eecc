"""uvicorn: runs a small program that passes it both sockets, because ``--fd`` takes one."""

from __future__ import annotations

from typing import Collection

from .base import Server, for_asgi, replace_program, without_options

_ADDRESSES = ("--host", "--port", "--uds", "--fd")

default_command = for_asgi(
    "uvicorn --host 0.0.0.0 --port ${PORT:-8000}"
)  # which reads WEB_CONCURRENCY


def on_sockets(command: str, locked: Collection[str] = ()) -> str:
    """Return the command of our program that runs uvicorn.

    >>> on_sockets("uvicorn --host 0.0.0.0 --port $PORT shop.asgi:application")
    'python -m django_deploykit.servers.uvicorn shop.asgi:application'
    """
    program = "python -m django_deploykit.servers.uvicorn"
    return replace_program(without_options(command, _ADDRESSES), "uvicorn", program)


UVICORN = Server(
    name="uvicorn",
    default_command=default_command,
    on_sockets=on_sockets,
    wrapped=True,
    risky_options=((r"--reload\b", "--reload, which is only for development"),),
)
