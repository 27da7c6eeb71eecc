"""Checks of databases and migrations that need no connection."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import django
from django.conf import settings

from django_deploykit.checks.catalogue import check
from django_deploykit.checks.finding import Finding
from django_deploykit.checks.project_settings import is_private_host
from django_deploykit.checks.served import why_served_by_asgi
from django_deploykit.checks.subject import Subject
from django_deploykit.conf.readers import Entry

if TYPE_CHECKING:
    from django.db.migrations.loader import MigrationLoader
    from django.db.migrations.operations.base import Operation
    from django.db.migrations.state import ProjectState
    from django.db.models import Field

_GUESSABLE = {
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


def _databases() -> Iterator[tuple[str, Entry, str]]:
    """Yield the alias, the entry and the last part of the engine, except for build placeholders."""
    for alias, entry in settings.DATABASES.items():
        engine = str(entry.get("ENGINE", ""))
        if engine and not engine.endswith("dummy"):
            yield alias, entry, engine.rpartition(".")[2]


def _is_sqlite(engine: str) -> bool:
    return engine in ("sqlite3", "spatialite")


def _is_memory(name: str) -> bool:
    return name == ":memory:" or "mode=memory" in name


@check("E401")
def database_in_release(subject: Subject) -> Iterator[Finding]:
    """An SQLite file is inside the release, in a temporary folder, or has a relative path.

    The next release starts with an empty database.
    """
    for alias, entry, engine in _databases():
        name = str(entry.get("NAME", ""))
        if not _is_sqlite(engine):
            continue
        if _is_memory(name):
            problem = " is in memory, so every process has its own"
        elif not os.path.isabs(name):
            problem = f": {name!r} is relative to the folder in which a process starts"
        elif subject.inside(name) or (not subject.local and name.startswith(_TEMPORARY)):
            problem = f": {os.path.basename(name)} is inside the release or in a temporary folder"
        else:
            continue
        yield Finding(
            f"DATABASES[{alias!r}]{problem}",
            "Put it outside: "
            'config.database("DATABASE_URL", default=f"sqlite:///{config.data / \'db.sqlite3\'}").',
            "DATABASES",
        )


@check("W402")
def sqlite_locks(subject: Subject) -> Iterator[Finding]:
    """SQLite begins transactions in a mode that fails with several workers.

    In the default mode DEFERRED, one of two writers gets "database is locked" immediately, whatever
    the timeout.
    """
    if django.VERSION < (5, 1):  # without the option
        return
    for alias, entry, engine in _databases():
        if not _is_sqlite(engine) or _is_memory(str(entry.get("NAME", ""))):
            continue
        mode = str(entry.get("OPTIONS", {}).get("transaction_mode", "")).upper()
        if mode not in ("IMMEDIATE", "EXCLUSIVE"):
            yield Finding(
                f"DATABASES[{alias!r}]: SQLite without the transaction_mode IMMEDIATE "
                'fails under load ("database is locked")',
                'Add "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20, '
                '"init_command": "PRAGMA journal_mode=WAL"}.',
                "DATABASES",
            )


@check("E405")
def models_without_migration(subject: Subject) -> Iterator[Finding]:
    """Models have changed, but there is no migration for the change.

    The code then uses columns that the database does not have, or permissions, which migrate creates
    for the models of the migrations. Changes that leave the database as it is, such as other choices,
    are not reported.
    """
    if not subject.root.is_dir():
        return
    try:
        changes = _missing_operations(subject)
    except SystemExit:  # the questioner exits when it would have to ask
        yield Finding(
            "models have changed in a way that makemigrations must ask about",
            "Run manage.py makemigrations.",
        )
        return
    except Exception as error:  # noqa: BLE001 - migrations may raise anything when they load
        yield Finding(
            f"migrations cannot be loaded: {type(error).__name__}: {error}",
            "Run manage.py showmigrations to see the whole error.",
        )
        return
    for label, operations in sorted(changes.items()):
        yield Finding(
            f"{label} has model changes without a migration: {'; '.join(operations[:3])}",
            f"Run manage.py makemigrations {label}, and commit the migration.",
        )


def _missing_operations(subject: Subject) -> dict[str, list[str]]:
    """Return, for each of the project's apps, what makemigrations would write.

    The result is empty if migrations conflict, which E407 reports.
    """
    from django.apps import apps
    from django.db.migrations.autodetector import MigrationAutodetector
    from django.db.migrations.questioner import NonInteractiveMigrationQuestioner
    from django.db.migrations.state import ProjectState

    loader = _migrations(subject)
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
        NonInteractiveMigrationQuestioner(specified_apps=ours, dry_run=True, verbosity=0),
    )
    changes = detector.changes(graph=loader.graph, trim_to_apps=ours, convert_apps=ours)
    if not changes:
        return {}
    before = loader.project_state()  # of all migrations, which takes time where there are many
    found = {
        label: [
            one.describe()
            for migration in changes[label]
            for one in migration.operations
            if _changes_database(one, before, label)
        ]
        for label in set(changes) & ours
    }
    return {label: operations for label, operations in found.items() if operations}


def _migrations(subject: Subject) -> MigrationLoader:
    """Return the project's migrations, which are read once for all checks."""
    from django.db.migrations.loader import MigrationLoader

    return subject.once("migrations", lambda: MigrationLoader(None, ignore_no_migrations=True))


def _changes_database(operation: Operation, before: ProjectState, label: str) -> bool:
    """Whether an operation that makemigrations would write changes more than Python objects."""
    from django.db.migrations import operations as ops

    if isinstance(operation, ops.AlterModelManagers):
        return False
    if isinstance(operation, ops.AlterModelOptions):
        known = before.models.get((label, operation.name_lower))
        return _rows(known.options if known else {}) != _rows(operation.options)
    if not isinstance(operation, ops.AlterField):
        return True
    model = before.models.get((label, operation.model_name_lower))
    old = model.fields.get(operation.name) if model else None
    return old is None or _column(old) != _column(operation.field)


def _rows(options: Entry) -> tuple[object, ...]:
    """Return the options of a model that decide about rows which migrate writes: permissions."""
    own = tuple(tuple(one) for one in options.get("permissions", ()))
    usual = tuple(options.get("default_permissions", ("add", "change", "delete", "view")))
    return own, usual, options.get("managed", True)


def _column(field: Field[object, object]) -> tuple[object, ...]:
    """Return what decides about a field's column: its class and the arguments for the database."""
    _, path, args, options = field.deconstruct()
    ignored = {*field.non_db_attrs, "default", "storage", "upload_to", "auto_now", "auto_now_add"}
    return path, args, {name: one for name, one in options.items() if name not in ignored}


@check("E407")
def conflicting_migrations(subject: Subject) -> Iterator[Finding]:
    """An app has several leaf migrations.

    migrate refuses to run. This happens when two branches that add migrations are merged.
    """
    try:
        conflicts = _migrations(subject).detect_conflicts()
    except Exception:  # noqa: BLE001 - E405 reports it
        return
    for label, names in sorted(conflicts.items()):
        yield Finding(
            f"{label} has several leaf migrations: {', '.join(sorted(names))}",
            "Run manage.py makemigrations --merge.",
        )


@check("E409")
def persistent_under_asgi(subject: Subject) -> Iterator[Finding]:
    """Database connections are persistent under ASGI.

    Each request may run in another thread, which cannot reuse a persistent connection, so
    connections leak.
    """
    if not why_served_by_asgi(subject):
        return
    for alias, entry, _ in _databases():
        if entry.get("CONN_MAX_AGE", 0) != 0:
            yield Finding(
                f"DATABASES[{alias!r}]: CONN_MAX_AGE is not 0 under ASGI, so connections leak",
                "Set CONN_MAX_AGE = 0; use the connection pool of the database backend.",
                "DATABASES",
            )


@check("W410")
def persistent_without_health(subject: Subject) -> Iterator[Finding]:
    """Database connections are persistent, but not checked before they are used.

    After the database restarts, the first request of every worker fails. SQLite has no server.
    """
    for alias, entry, engine in _databases():
        if _is_sqlite(engine):
            continue
        if entry.get("CONN_MAX_AGE", 0) != 0 and not entry.get("CONN_HEALTH_CHECKS", False):
            yield Finding(
                f"DATABASES[{alias!r}]: CONN_MAX_AGE without CONN_HEALTH_CHECKS",
                "Set CONN_HEALTH_CHECKS = True.",
                "DATABASES",
            )


@check("E411")
def persistent_with_pool(subject: Subject) -> Iterator[Finding]:
    """CONN_MAX_AGE is used together with a connection pool.

    Django refuses this combination, but only when it first connects.
    """
    for alias, entry, _ in _databases():
        if entry.get("OPTIONS", {}).get("pool") and entry.get("CONN_MAX_AGE", 0) != 0:
            yield Finding(
                f"DATABASES[{alias!r}]: CONN_MAX_AGE cannot be used with a connection pool",
                "Set CONN_MAX_AGE = 0.",
                "DATABASES",
            )


@check("W412")
def cursors_through_pgbouncer(subject: Subject) -> Iterator[Finding]:
    """PostgreSQL is reached through PgBouncer, but server-side cursors are on.

    In transaction mode the next query of a cursor may go to another connection, and iterator()
    fails with "cursor does not exist".
    """
    for alias, entry, engine in _databases():
        if engine not in ("postgresql", "postgis"):
            continue
        bouncer = "bouncer" in str(entry.get("HOST", "")) or str(entry.get("PORT", "")) == "6432"
        if bouncer and not entry.get("DISABLE_SERVER_SIDE_CURSORS", False):
            yield Finding(
                f"DATABASES[{alias!r}]: PgBouncer in transaction mode breaks server-side cursors",
                "Set DISABLE_SERVER_SIDE_CURSORS = True (in a URL: ?disable_server_side_cursors=true).",
                "DATABASES",
            )


@check("W414")
def remote_without_tls(subject: Subject) -> Iterator[Finding]:
    """PostgreSQL runs on a public host, but the connection does not require TLS.

    By default libpq silently falls back to an unencrypted connection.
    """
    for alias, entry, engine in _databases():
        host = str(entry.get("HOST", ""))
        public = "." in host and not host.startswith(("/", "127.")) and not is_private_host(host)
        secured = entry.get("OPTIONS", {}).get("sslmode")
        if engine in ("postgresql", "postgis") and public and not secured:
            yield Finding(
                f"DATABASES[{alias!r}]: no sslmode for a remote host",
                "Add ?sslmode=verify-full (or require) to the URL.",
                "DATABASES",
            )


@check("W415")
def guessable_database_password(subject: Subject) -> Iterator[Finding]:
    """A database on the network has no password, or one that is easy to guess."""
    for alias, entry, engine in _databases():
        host = str(entry.get("HOST", ""))
        if _is_sqlite(engine) or not host or host.startswith("/"):
            continue
        options = entry.get("OPTIONS", {})
        if options.get("service") or options.get("passfile") or options.get("sslcert"):
            continue
        if str(entry.get("PASSWORD", "")).lower() in _GUESSABLE:
            yield Finding(
                f"DATABASES[{alias!r}]: the password is empty or easy to guess",
                "Give the database user a random password.",
                "DATABASES",
            )


@check("W417")
def migrate_at_start(subject: Subject) -> Iterator[Finding]:
    """A process of the Procfile migrates when it starts.

    Every host then migrates at the same time, at each restart.
    """
    for process in subject.processes:
        words = process.command.replace("makemigrations", "migrate").split()
        if process.name != "release" and "migrate" in words:
            yield Finding(
                f"the process {process.name} of the Procfile migrates when it starts",
                "Remove it: a release migrates once, before the switch.",
                path="Procfile",
            )
