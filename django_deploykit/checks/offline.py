"""Checks without ``--server`` connect to nothing: an attempt raises an error."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import NoReturn

from django_deploykit.checks.finding import Undecided

_DATABASE = ("connect", "ensure_connection", "cursor", "chunked_cursor")
_SOCKET = ("connect", "connect_ex")
_NAMES = ("getaddrinfo", "gethostbyname")  # otherwise the error is only that there is no such host


class ConnectionNeededError(OSError):
    """Code of the project or of a library connects to a database, a cache or another service."""


@contextmanager
def no_connections() -> Iterator[list[str]]:
    """Make every connection of a database and of a socket, and every look-up of a host, fail.

    Yield a list that gets an entry for each attempt, even if the code that made it goes on.
    """
    from django.db.backends.base.base import BaseDatabaseWrapper

    attempts: list[str] = []

    def refuse(*_: object, **__: object) -> NoReturn:
        attempts.append("connection")
        raise ConnectionNeededError("deploy_check connects to nothing without --server")

    with ExitStack() as stack:
        owners: list[tuple[object, tuple[str, ...]]] = [
            (BaseDatabaseWrapper, _DATABASE),
            (socket.socket, _SOCKET),
            (socket, _NAMES),
        ]
        for owner, names in owners:
            for name in names:
                stack.enter_context(_replaced(owner, name, refuse))
        yield attempts


@contextmanager
def _replaced(owner: object, name: str, function: Callable[..., NoReturn]) -> Iterator[None]:
    own = vars(owner).get(name)
    setattr(owner, name, function)
    try:
        yield
    finally:
        if own is None:  # it was inherited
            delattr(owner, name)
        else:
            setattr(owner, name, own)


def needs_connection(error: BaseException | None) -> bool:
    """Whether the cause of an error is a connection that :func:`no_connections` refused."""
    return any(isinstance(one, ConnectionNeededError) for one in iter_causes(error))


def iter_causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error, and then the errors that it was raised from, each once."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        yield error
        seen.add(id(error))
        error = error.__cause__ or error.__context__


def raise_if_offline(error: BaseException) -> None:
    """Raise :class:`Undecided` if an error shows only that nothing may be connected to here."""
    if needs_connection(error):
        raise Undecided("it connects to a service: it needs --server") from error
