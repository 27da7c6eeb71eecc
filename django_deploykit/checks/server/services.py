"""Checks of the host's databases and caches."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from django.core.cache import caches
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.utils import NotSupportedError

from django_deploykit.checks.catalogue import check
from django_deploykit.checks.finding import Finding, Undecided
from django_deploykit.checks.project_settings import error_text
from django_deploykit.checks.server.migrations import is_database, read_states
from django_deploykit.checks.subject import Subject
from django_deploykit.runtime.base.libraries import missing_library_hint
from django_deploykit.time_limits import within


def unreachable(subject: Subject) -> dict[str, str]:
    """Return why databases cannot be reached, by alias. Each is tried once for all checks."""
    return subject.once("unreachable databases", lambda: _try_databases(subject.limit / 2))


def _try_databases(limit: float) -> dict[str, str]:
    """Return why databases cannot be reached. They share ``limit``, in seconds."""
    found = {}
    aliases = _aliases()
    for alias in aliases:
        try:
            within(limit / len(aliases), lambda alias=alias: connections[alias].ensure_connection())  # type: ignore[misc]
        except Exception as error:  # noqa: BLE001 - drivers raise errors of their own
            found[alias] = error_text(error)
    return found


def _aliases() -> list[str]:
    """Return the aliases of the databases. A project may have none."""
    return [alias for alias in connections if is_database(connections[alias].settings_dict)]


def require_databases(subject: Subject, *aliases: str) -> None:
    """Raise :class:`Undecided` if one of these databases, or of all, cannot be reached."""
    for alias in unreachable(subject):
        if not aliases or alias in aliases:
            raise Undecided(f"DATABASES[{alias!r}] cannot be reached (E403)")


def has_table(name: str) -> bool:
    """Whether the default database has a table. Before its migration it does not, or is absent."""
    return DEFAULT_DB_ALIAS in _aliases() and name in connection.introspection.table_names()


@check("E403")
def unreachable_database(subject: Subject) -> Iterator[Finding]:
    """A database cannot be reached."""
    for alias, why in unreachable(subject).items():
        yield Finding(
            f"DATABASES[{alias!r}] cannot be reached: {why}",
            missing_library_hint(why)
            or "Check that the database runs, and that the URL and the password are right.",
            "DATABASES",
        )


@check("E416")
def database_too_old(subject: Subject) -> Iterator[Finding]:
    """A database server is older than Django supports."""
    for alias in _aliases():
        if alias in unreachable(subject):
            continue
        try:
            connections[alias].ensure_connection()
            connections[alias].check_database_version_supported()
        except NotSupportedError as error:
            yield Finding(
                f"DATABASES[{alias!r}]: {error_text(error)}",
                "Upgrade the database server.",
                "DATABASES",
            )
    require_databases(subject)


@check("W404")
def unapplied_migrations(subject: Subject) -> Iterator[Finding]:
    """Some migrations are not applied.

    A release applies them before the switch, so that there are none afterwards.
    """
    require_databases(subject)
    for row in read_states():
        if row.pending:
            names = [f"{one.app}.{one.name}" for one in row.pending]
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            yield Finding(
                f"{row.database}: not applied: {', '.join(names[:3])}{more}",
                f"Run: {subject.command_line('migrate')}",
            )


@check("W406")
def unknown_migrations(subject: Subject) -> Iterator[Finding]:
    """The database has migrations that this code does not have.

    The code is older than the database, or comes from another branch.
    """
    require_databases(subject)
    for row in read_states():
        if row.unknown:
            yield Finding(
                f"{row.database}: applied, but not in this code: {', '.join(row.unknown[:3])}",
                "Release the newer code, or use it to revert these migrations.",
            )


@check("E504")
def unusable_cache(subject: Subject) -> Iterator[Finding]:
    """A cache does not store values."""
    limit = subject.limit / 2 / max(len(settings.CACHES), 1)
    for alias, entry in settings.CACHES.items():
        if str(entry.get("BACKEND", "")).endswith("DummyCache"):
            continue
        try:
            kept = within(limit, lambda alias=alias: _keeps_values(alias))  # type: ignore[misc]
        except Exception as error:  # noqa: BLE001 - drivers raise errors of their own
            if "no such table" not in str(error) and "does not exist" not in str(error):
                yield Finding(
                    f"CACHES[{alias!r}] cannot be used: {error_text(error)}",
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


def _keeps_values(alias: str) -> bool:
    caches[alias].set("deploykit.check", "kept", 10)
    return bool(caches[alias].get("deploykit.check") == "kept")


@check("E505")
def no_cache_table(subject: Subject) -> Iterator[Finding]:
    """The table of a database cache is missing."""
    for alias, entry in settings.CACHES.items():
        if not str(entry.get("BACKEND", "")).endswith("db.DatabaseCache"):
            continue
        require_databases(subject, DEFAULT_DB_ALIAS)
        if not has_table(str(entry.get("LOCATION"))):
            yield Finding(
                f"CACHES[{alias!r}]: the table {entry.get('LOCATION')} does not exist",
                f"Run: {subject.command_line('createcachetable')}",
                "CACHES",
            )
