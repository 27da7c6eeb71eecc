"""Without --server, nothing is connected to."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

from django_deploykit.checks.finding import Undecided
from django_deploykit.checks.offline import (
    ConnectionNeededError,
    needs_connection,
    no_connections,
    raise_if_offline,
)
from tests.unit.checks.conftest import Connect


def test_refuses_databases_and_sockets(connect: Connect, tmp_path: Path) -> None:
    connect(default=tmp_path / "db.sqlite3")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = listening.getsockname()
        with no_connections():
            for attempt in (
                connection.ensure_connection,
                connection.cursor,
                lambda: socket.create_connection(address),
                lambda: socket.getaddrinfo("cache.internal", 6379),
            ):
                with pytest.raises(ConnectionNeededError):
                    attempt()
        socket.create_connection(address).close()


def test_everything_is_as_before_afterwards() -> None:
    def connecting() -> list[object]:
        database = BaseDatabaseWrapper
        return [database.connect, database.cursor, socket.socket.connect, socket.getaddrinfo]

    before = connecting()
    with no_connections(), no_connections():
        assert not any(one is old for one, old in zip(connecting(), before, strict=True))
    assert connecting() == before
    assert "connect" not in vars(socket.socket)


def test_the_cause_of_an_error_counts() -> None:
    error = LookupError()
    error.__cause__ = ConnectionNeededError()
    assert needs_connection(error)
    with pytest.raises(Undecided, match="--server"):
        raise_if_offline(error)
    assert not needs_connection(OSError())
    raise_if_offline(OSError())
