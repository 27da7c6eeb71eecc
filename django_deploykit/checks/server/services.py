"""Checks of the host's databases and caches."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from django.core.cache import caches
from django.db import connection, connections
from django.db.utils import NotSupportedError

from django_deploykit.checks.catalogue import check
from django_deploykit.checks.finding import Finding
from django_deploykit.checks.server.migrations import read_states
from django_deploykit.checks.subject import Subject


@check("E403")
def unreachable_database(subject: Subject) -> Iterator[Finding]:
    """A database cannot be reached."""
    for alias in connections:
        try:
            connections[alias].ensure_connection()
        except Exception as error:  # noqa: BLE001 - drivers raise errors of their own
            yield Finding(
                f"DATABASES[{alias!r}] cannot be reached: {_first_line(error)}",
                "Check that the database runs, and that the URL and the password are right.",
                "DATABASES",
            )


@check("E416")
def database_too_old(subject: Subject) -> Iterator[Finding]:
    """A database server is older than Django supports."""
    for alias in connections:
        try:
            connections[alias].ensure_connection()
            connections[alias].check_database_version_supported()
        except NotSupportedError as error:
            yield Finding(
                f"DATABASES[{alias!r}]: {_first_line(error)}",
                "Upgrade the database server.",
                "DATABASES",
            )
        except Exception:  # noqa: BLE001, S112 - E403 reports it
            continue


@check("W404")
def unapplied_migrations(subject: Subject) -> Iterator[Finding]:
    """Some migrations are not applied.

    A release applies them before the switch, so that there are none afterwards.
    """
    for row in read_states():
        if row.pending:
            names = [f"{one.app}.{one.name}" for one in row.pending]
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            yield Finding(
                f"{row.database}: not applied: {', '.join(names[:3])}{more}",
                "Run manage.py migrate.",
            )


@check("W406")
def unknown_migrations(subject: Subject) -> Iterator[Finding]:
    """The database has migrations that this code does not have.

    The code is older than the database, or comes from another branch.
    """
    for row in read_states():
        if row.unknown:
            yield Finding(
                f"{row.database}: applied, but not in this code: {', '.join(row.unknown[:3])}",
                "Release the newer code, or use it to revert these migrations.",
            )


@check("E504")
def unusable_cache(subject: Subject) -> Iterator[Finding]:
    """A cache does not store values."""
    for alias, entry in settings.CACHES.items():
        if str(entry.get("BACKEND", "")).endswith("DummyCache"):
            continue
        try:
            caches[alias].set("deploykit.check", "kept", 10)
            kept = caches[alias].get("deploykit.check") == "kept"
        except Exception as error:  # noqa: BLE001 - drivers raise errors of their own
            if "no such table" not in str(error) and "does not exist" not in str(error):
                yield Finding(
                    f"CACHES[{alias!r}] cannot be used: {_first_line(error)}",
                    "Check that the cache runs, and that its URL is right.",
                    "CACHES",
                )
            continue  # E505 reports a missing table
        if not kept:
            yield Finding(
                f"CACHES[{alias!r}] does not store values",
                "Check that the cache is not full.",
                "CACHES",
            )


@check("E505")
def no_cache_table(subject: Subject) -> Iterator[Finding]:
    """The table of a database cache is missing."""
    for alias, entry in settings.CACHES.items():
        if not str(entry.get("BACKEND", "")).endswith("db.DatabaseCache"):
            continue
        try:
            exists = entry.get("LOCATION") in connection.introspection.table_names()
        except Exception:  # noqa: BLE001, S112 - E403 reports it
            continue
        if not exists:
            yield Finding(
                f"CACHES[{alias!r}]: the table {entry.get('LOCATION')} does not exist",
                "Run manage.py createcachetable.",
                "CACHES",
            )


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
