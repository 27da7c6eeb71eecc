"""Checks of databases and migrations that need no connection."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from django.conf import settings

from django_deploykit.checks.catalogue import Found, check
from django_deploykit.checks.subject import Subject

_PLACEHOLDERS = {
    "",
    "password",
    "postgres",
    "changeme",
    "change-me",
    "secret",
    "root",
    "admin",
    "123456",
}

_TEMPORARY = ("/tmp/", "/dev/shm/")  # noqa: S108 - compared, not written


def _databases() -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yield alias, entry and the engine's last word; stand-ins of a build are left out."""
    for alias, entry in settings.DATABASES.items():
        engine = str(entry.get("ENGINE", ""))
        if engine and not engine.endswith("dummy"):
            yield alias, entry, engine.rpartition(".")[2]


def _is_sqlite(engine: str) -> bool:
    return engine in ("sqlite3", "spatialite")


def _is_memory(name: str) -> bool:
    return name == ":memory:" or "mode=memory" in name


@check("E401")
def database_in_release(subject: Subject) -> Iterator[Found]:
    """An SQLite file lies where a release replaces it, or where it depends on the working folder.

    The next release starts with an empty database.
    """
    for alias, entry, engine in _databases():
        name = str(entry.get("NAME", ""))
        if not _is_sqlite(engine):
            continue
        hint = 'Put it outside: config.database("DATABASE_URL", default=f"sqlite:///{config.data / \'db.sqlite3\'}").'
        if _is_memory(name):
            yield Found(
                f"DATABASES[{alias!r}] is in memory: every process has its own", hint, "DATABASES"
            )
        elif not os.path.isabs(name):
            yield Found(
                f"DATABASES[{alias!r}]: {name!r} is relative to whatever folder a process starts in",
                hint,
                "DATABASES",
            )
        elif subject.inside(name) or (not subject.local and name.startswith(_TEMPORARY)):
            yield Found(
                f"DATABASES[{alias!r}]: {os.path.basename(name)} lies inside the release or in a temporary folder",
                hint,
                "DATABASES",
            )


@check("W402")
def sqlite_locks(subject: Subject) -> Iterator[Found]:
    """SQLite begins transactions in a way that fails under several workers.

    With DEFERRED (the default) two writers get "database is locked" at once, whatever the timeout.
    """
    for alias, entry, engine in _databases():
        if not _is_sqlite(engine) or _is_memory(str(entry.get("NAME", ""))):
            continue
        options = entry.get("OPTIONS", {})
        if (
            str(options.get("transaction_mode", "")).upper() not in ("IMMEDIATE", "EXCLUSIVE")
            and _knows_mode()
        ):
            yield Found(
                f"DATABASES[{alias!r}]: SQLite without transaction_mode IMMEDIATE fails under load: database is locked",
                'Add "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20, '
                '"init_command": "PRAGMA journal_mode=WAL"}.',
                "DATABASES",
            )


def _knows_mode() -> bool:
    import django

    return django.VERSION >= (5, 1)


@check("E405")
def models_without_migration(subject: Subject) -> Iterator[Found]:
    """Models changed, and no migration says so.

    The code then asks for columns that the database does not have.
    """
    if not subject.root.is_dir():
        return
    try:
        changes = _unwritten(subject)
    except SystemExit:  # the questioner ends where it would have to ask
        yield Found(
            "models changed in a way that makemigrations has to ask about",
            "Run manage.py makemigrations.",
        )
        return
    except Exception as error:  # noqa: BLE001 - a migration that does not load is told below
        yield Found(
            f"migrations cannot be loaded: {type(error).__name__}: {error}",
            "Run manage.py showmigrations.",
        )
        return
    for label, operations in sorted(changes.items()):
        yield Found(
            f"{label} has model changes without a migration: {'; '.join(operations[:3])}",
            f"Run manage.py makemigrations {label}, and commit the migration.",
        )


def _unwritten(subject: Subject) -> dict[str, list[str]]:
    """Return what makemigrations would write for the project's own apps, in words, by app.

    It is nothing where migrations conflict, which another check tells.
    """
    from django.apps import apps
    from django.db.migrations.autodetector import MigrationAutodetector
    from django.db.migrations.loader import MigrationLoader
    from django.db.migrations.questioner import NonInteractiveMigrationQuestioner
    from django.db.migrations.state import ProjectState

    loader = MigrationLoader(None, ignore_no_migrations=True)
    ours = {
        config.label
        for config in apps.get_app_configs()
        if subject.inside(config.path) and config.label in loader.migrated_apps
    }
    if loader.detect_conflicts() or not ours:
        return {}
    detector = MigrationAutodetector(
        loader.project_state(),
        ProjectState.from_apps(apps),
        NonInteractiveMigrationQuestioner(specified_apps=ours, dry_run=True),
    )
    changes = detector.changes(graph=loader.graph, trim_to_apps=ours, convert_apps=ours)
    return {
        label: [one.describe() for migration in changes[label] for one in migration.operations]
        for label in set(changes) & ours
    }


@check("E407")
def conflicting_migrations(subject: Subject) -> Iterator[Found]:
    """An app has several last migrations.

    migrate refuses to run; two branches were merged.
    """
    from django.db.migrations.loader import MigrationLoader

    try:
        conflicts = MigrationLoader(None, ignore_no_migrations=True).detect_conflicts()
    except Exception:  # noqa: BLE001 - E405 tells it
        return
    for label, names in sorted(conflicts.items()):
        yield Found(
            f"{label} has several last migrations: {', '.join(sorted(names))}",
            "Run manage.py makemigrations --merge.",
        )


@check("E409")
def persistent_under_asgi(subject: Subject) -> Iterator[Found]:
    """Connections are kept open under ASGI.

    Each request may run in another thread, and a kept connection is never found again: they leak.
    """
    if subject.topology.server != "asgi":
        return
    for alias, entry, _ in _databases():
        if entry.get("CONN_MAX_AGE", 0) != 0:
            yield Found(
                f"DATABASES[{alias!r}]: CONN_MAX_AGE is not 0 under ASGI: connections leak",
                "Set CONN_MAX_AGE = 0; use the database's pool.",
                "DATABASES",
            )


@check("W410")
def persistent_without_health(subject: Subject) -> Iterator[Found]:
    """Connections are kept, but not checked before use.

    After the database restarts, every worker's first request fails.
    """
    for alias, entry, _ in _databases():
        if entry.get("CONN_MAX_AGE", 0) != 0 and not entry.get("CONN_HEALTH_CHECKS", False):
            yield Found(
                f"DATABASES[{alias!r}]: CONN_MAX_AGE without CONN_HEALTH_CHECKS",
                "Set CONN_HEALTH_CHECKS = True.",
                "DATABASES",
            )


@check("E411")
def persistent_with_pool(subject: Subject) -> Iterator[Found]:
    """CONN_MAX_AGE together with a connection pool.

    Django refuses this when it first connects, not before.
    """
    for alias, entry, _ in _databases():
        if entry.get("OPTIONS", {}).get("pool") and entry.get("CONN_MAX_AGE", 0) != 0:
            yield Found(
                f"DATABASES[{alias!r}]: a pool and CONN_MAX_AGE exclude each other",
                "Set CONN_MAX_AGE = 0.",
                "DATABASES",
            )


@check("W414")
def remote_without_tls(subject: Subject) -> Iterator[Found]:
    """PostgreSQL on another host without a demand for TLS.

    libpq's default falls back to plain text without a word.
    """
    for alias, entry, engine in _databases():
        host = str(entry.get("HOST", ""))
        remote = "." in host and not host.startswith(("/", "127.")) and not _private(host)
        if (
            engine in ("postgresql", "postgis")
            and remote
            and not entry.get("OPTIONS", {}).get("sslmode")
        ):
            yield Found(
                f"DATABASES[{alias!r}]: no sslmode for the remote host",
                "Add ?sslmode=verify-full (or require) to the URL.",
                "DATABASES",
            )


def _private(host: str) -> bool:
    import ipaddress

    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return host.endswith((".internal", ".local", ".lan"))


@check("W415")
def guessable_database_password(subject: Subject) -> Iterator[Found]:
    """A database on the network with no password or one everybody tries first."""
    for alias, entry, engine in _databases():
        host = str(entry.get("HOST", ""))
        if _is_sqlite(engine) or not host or host.startswith("/"):
            continue
        options = entry.get("OPTIONS", {})
        if options.get("service") or options.get("passfile") or options.get("sslcert"):
            continue
        if str(entry.get("PASSWORD", "")).lower() in _PLACEHOLDERS:
            yield Found(
                f"DATABASES[{alias!r}]: the password is empty or can be guessed",
                "Give the role a password of its own.",
                "DATABASES",
            )


@check("W417")
def migrate_in_web(subject: Subject) -> Iterator[Found]:
    """The web process migrates when it starts.

    Every host and every restart then migrates at the same time.
    """
    for process in subject.processes:
        if (
            process.name != "release"
            and "migrate" in process.command.replace("makemigrations", "migrate").split()
        ):
            yield Found(
                f"the Procfile's {process.name} migrates whenever it starts",
                "Remove it: a release migrates once, before the switch.",
                path="Procfile",
            )
