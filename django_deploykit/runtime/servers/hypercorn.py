"""hypercorn: listens on several descriptors; a small program lets it answer its last requests."""

from __future__ import annotations

from typing import Collection, Dict

from .base import Server, for_asgi, replace_program, without_options

_ADDRESSES = ("-b", "--bind", "--insecure-bind", "--quic-bind", "--backlog", "--graceful-timeout")
_DRAIN = "DEPLOYKIT_DRAIN"

default_command = for_asgi("hypercorn --bind 0.0.0.0:${PORT:-8000} --workers ${WEB_CONCURRENCY:-2}")


def unit_environment(drain: float) -> Dict[str, str]:
    """Return the environment with the seconds in which workers may finish their requests."""
    return {_DRAIN: f"{drain:.0f}"}


def on_sockets(command: str, locked: Collection[str] = ()) -> str:
    """Return the command of our program with both sockets, the unit's queue, and the drain time.

    >>> on_sockets("hypercorn --bind 0.0.0.0:$PORT shop.asgi:application")
    'python -m django_deploykit.servers.hypercorn --bind fd://3 --bind fd://4 --backlog 2048 --graceful-timeout ${DEPLOYKIT_DRAIN:-30} shop.asgi:application'
    """
    options = f"--bind fd://3 --bind fd://4 --backlog 2048 --graceful-timeout ${{{_DRAIN}:-30}}"
    program = f"python -m django_deploykit.servers.hypercorn {options}"
    return replace_program(without_options(command, _ADDRESSES), "hypercorn", program)


HYPERCORN = Server(
    name="hypercorn",
    default_command=default_command,
    on_sockets=on_sockets,
    wrapped=True,
    unit_environment=unit_environment,
    risky_options=(
        (r"--reload\b", "--reload, which is only for development"),
        (r"--debug\b", "--debug, which is only for development"),
    ),
)
