"""Checks of the host's databases and caches."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from django.core.cache import CacheHandler
from django.core.cache.backends.locmem import LocMemCache
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import override_settings

from django_deploykit.checks.finding import Undecided
from django_deploykit.checks.server import services
from django_deploykit.runtime.wire.reports import ReportedDatabase, ReportedMigration
from tests.unit.checks.cases import run_check
from tests.unit.checks.conftest import Connect

LOCMEM = "django.core.cache.backends.locmem.LocMemCache"


@contextmanager
def cache(backend: str, location: str = "") -> Iterator[None]:
    """Make a backend the cache of the site."""
    with override_settings(CACHES={"default": {"BACKEND": backend, "LOCATION": location}}):
        yield


def test_a_database_that_cannot_be_reached_is_found(connect: Connect, tmp_path: Path) -> None:
    connect(default=tmp_path / "db.sqlite3", other=tmp_path / "no" / "folder.sqlite3")
    (found,) = run_check("E403", tmp_path)
    assert found.message == "DATABASES['other'] cannot be reached: unable to open database file"
    with pytest.raises(Undecided, match=r"DATABASES\['other'\] cannot be reached"):
        run_check("E416", tmp_path)


def test_a_missing_library_is_not_a_database_that_is_down(
    connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: BaseDatabaseWrapper) -> None:
        raise OSError('Unable to load the SpatiaLite library extension: "mod_spatialite.so"')

    connect(default=tmp_path / "db.sqlite3")
    monkeypatch.setattr(BaseDatabaseWrapper, "ensure_connection", fail)
    (found,) = run_check("E403", tmp_path)
    assert found.hint.startswith("SpatiaLite is a library of the system")


def test_a_database_that_does_not_answer_is_found_in_time(
    connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(default=tmp_path / "db.sqlite3", other=tmp_path / "other.sqlite3")
    release = threading.Event()
    monkeypatch.setattr(BaseDatabaseWrapper, "ensure_connection", lambda _: release.wait(60))
    known: dict[str, object] = {}
    found = run_check("E403", tmp_path, limit=0.2, known=known)
    assert [one.message for one in found] == [
        f"DATABASES[{alias!r}] cannot be reached: no answer within 0.05 s"
        for alias in ("default", "other")
    ]
    for key in ("E416", "W404", "W406"):  # they do not wait once more
        with pytest.raises(Undecided):
            run_check(key, tmp_path, known=known)
    release.set()


def test_a_project_without_a_database_has_no_problem(
    connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect()
    monkeypatch.setitem(
        connections.settings, "default", {"ENGINE": "django.db.backends.dummy", "NAME": ""}
    )
    assert run_check("E403", tmp_path) + run_check("E416", tmp_path) == []


def test_a_cache_that_does_not_answer_is_found_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "caches", CacheHandler())
    hanging = {"BACKEND": f"{__name__}.HangingCache", "LOCATION": "hanging"}
    with override_settings(CACHES={"default": hanging, "other": hanging}):
        found = run_check("E504", tmp_path, limit=0.2)
    HangingCache.release.set()
    assert [one.message for one in found] == [
        f"CACHES[{alias!r}] cannot be used: no answer within 0.05 s"
        for alias in ("default", "other")
    ]


class HangingCache(LocMemCache):
    """A cache that does not answer until the test is over."""

    release = threading.Event()

    def set(self, *_: object, **__: object) -> None:
        """Wait."""
        self.release.wait(60)


def test_a_database_that_is_too_old_is_found(
    connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(default=tmp_path / "db.sqlite3")
    assert run_check("E416", tmp_path) == []
    monkeypatch.setattr(connections["default"].features, "minimum_database_version", (99,))
    (found,) = run_check("E416", tmp_path)
    assert found.message.startswith("DATABASES['default']: SQLite 99 or later is required")


def test_unapplied_and_unknown_migrations_are_found(
    connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(default=tmp_path / "db.sqlite3")
    pending = tuple(ReportedMigration("shop", f"000{n}_price") for n in range(1, 6))
    state = ReportedDatabase("default", "sqlite3:web1:/x", pending, ("shop.0009_new",))
    monkeypatch.setattr(services, "read_states", lambda: [state])
    (unapplied,) = run_check("W404", tmp_path)
    assert unapplied.message.endswith("shop.0002_price, shop.0003_price and 2 more")
    (unknown,) = run_check("W406", tmp_path)
    assert unknown.message == "default: applied, but not in this code: shop.0009_new"
    monkeypatch.setattr(services, "read_states", lambda: [ReportedDatabase("default")])
    assert run_check("W404", tmp_path) + run_check("W406", tmp_path) == []


def test_a_cache_that_does_not_work_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(backend: str, location: str = "") -> list[str]:
        monkeypatch.setattr(services, "caches", CacheHandler())
        with cache(backend, location):
            return [one.message for one in run_check("E504", tmp_path)]

    files = "django.core.cache.backends.filebased.FileBasedCache"
    assert found(LOCMEM) == found("django.core.cache.backends.dummy.DummyCache") == []
    (message,) = found(files, f"{__file__}/cache")
    assert message.startswith("CACHES['default'] cannot be used: ")
    assert found(f"{__name__}.ForgetfulCache", "forgetful") == [
        "CACHES['default'] does not store values"
    ]


class ForgetfulCache(LocMemCache):
    """A cache that stores nothing."""

    def set(self, *_: object, **__: object) -> None:
        """Do nothing."""


def test_a_missing_cache_table_is_found(
    connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(default=tmp_path / "db.sqlite3")
    with cache("django.core.cache.backends.db.DatabaseCache", "cache_rows"):
        (found,) = run_check("E505", tmp_path)
        assert found.message == "CACHES['default']: the table cache_rows does not exist"
        assert found.hint == "Run: manage.py createcachetable"
        monkeypatch.setenv("DEPLOYKIT_RELEASE", "20261124T040100-abcdef0")
        (found,) = run_check("E505", tmp_path, released=True)
        assert found.hint == (
            "Run: manage.py release ENVIRONMENT exec --release 20261124T040100-abcdef0"
            " -- createcachetable"
        )
        with closing(sqlite3.connect(tmp_path / "db.sqlite3")) as database, database:
            database.execute("create table cache_rows (x)")
        assert run_check("E505", tmp_path) == []
