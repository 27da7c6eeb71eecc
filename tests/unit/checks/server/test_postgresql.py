"""Checks of the host's database servers, and of where SQLite has its files."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.checks.server import postgresql
from django_deploykit.checks.server.postgresql import file_system, web_threads
from tests.unit.checks.cases import procfile, run_case, run_check
from tests.unit.checks.conftest import Connect

MOUNTS = "x / ext4 rw 0 0\nnas:/a /srv/shop nfs4 rw 0 0\nx /srv/shop/fast\\040disk xfs rw 0 0\n"


class Server:
    """A connection to a PostgreSQL server, as far as these checks use it."""

    def __init__(self, **variables: str) -> None:
        self.variables, self.asked = variables, ""

    def cursor(self) -> Server:
        return self

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def execute(self, query: str) -> None:
        self.asked = query.removeprefix("SHOW ")

    def fetchone(self) -> tuple[str]:
        return (self.variables[self.asked],)


def serve(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    """Make a PostgreSQL server with these variables the database of the site."""
    made: list[tuple[str, object]] = [("default", Server(**variables))]
    monkeypatch.setattr(postgresql, "_postgresql", lambda _: made)


@pytest.mark.parametrize(
    ("command", "threads"),
    [
        ("gunicorn shop.wsgi", 1),
        ("gunicorn -w 3 shop.wsgi", 3),
        ("gunicorn --workers ${WEB_CONCURRENCY:-2} --threads 4 shop.wsgi", 8),
    ],
)
def test_counts_threads(command: str, threads: int) -> None:
    assert web_threads(command) == threads


def test_more_threads_than_connections_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(monkeypatch, max_connections="100")
    assert run_case("W413", procfile("web: gunicorn -w 4 --threads 20 a.wsgi\n"), tmp_path) == []
    (found,) = run_case("W413", procfile("web: gunicorn -w 4 --threads 25 a.wsgi\n"), tmp_path)
    assert "100 threads on 1 hosts may open more than the 100 connections" in found.message


def test_every_host_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, max_connections="100")
    case = procfile("web: gunicorn -w 4 --threads 15 a.wsgi\n")
    case.files["deploykit.ini"] = "[environment:live]\nhosts = web1.example.com, web2.example.com\n"
    (found,) = run_case("W413", case, tmp_path)
    assert "60 threads on 2 hosts" in found.message


@pytest.mark.parametrize(("statement", "lock", "found"), [("0", "0", 1), ("30s", "0", 0)])
def test_a_server_without_time_limits_is_found(
    statement: str, lock: str, found: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(monkeypatch, statement_timeout=statement, lock_timeout=lock)
    assert len(run_check("W418", tmp_path)) == found


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/srv/shop/db.sqlite3", "nfs4"),
        ("/srv/shop/fast disk/db.sqlite3", "xfs"),
        ("/srv/shopping/db.sqlite3", "ext4"),
        ("relative", ""),
    ],
)
def test_knows_the_file_system_of_a_path(path: str, kind: str) -> None:
    assert file_system(path, MOUNTS) == kind


def test_sqlite_on_a_network_file_system_is_found(
    connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(default=tmp_path / "db.sqlite3")
    assert run_check("E419", tmp_path) == []
    monkeypatch.setattr(postgresql, "file_system", lambda *_: "nfs4")
    (found,) = run_check("E419", tmp_path)
    assert found.message.endswith("is on a network file system (nfs4)")
