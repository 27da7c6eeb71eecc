"""The pending migrations of each database, and which of them break running code."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping

from django.db import connections
from django.db.migrations import Migration
from django.db.migrations import operations as ops
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models.fields import NOT_PROVIDED, Field

from django_deploykit.runtime.wire.reports import (
    ReportedDatabase,
    ReportedMigration,
    ReportedOperation,
)

_SAME_TYPES = {
    "BigAutoField": "BigIntegerField",
    "AutoField": "IntegerField",
    "OneToOneField": "ForeignKey",
    **dict.fromkeys(
        ("SlugField", "EmailField", "URLField", "FilePathField", "FileField", "ImageField"),
        "CharField",
    ),
}


def read_states() -> list[ReportedDatabase]:
    """Return the state of each database that has migrations, or [] if one cannot be read."""
    try:
        return [_state(alias) for alias in connections if _is_migrated(alias)]
    except Exception:  # noqa: BLE001 - E403 reports what is wrong with the database
        return []


def _is_migrated(alias: str) -> bool:
    """Whether some app's migrations go to a database, which may be absent (Django's dummy)."""
    entry = connections[alias].settings_dict
    return not entry.get("TEST", {}).get("MIRROR") and is_database(entry)


def is_database(entry: Mapping[str, object]) -> bool:
    """Whether an entry of DATABASES is a database. Django makes ``{}`` its dummy, which is none."""
    return not str(entry.get("ENGINE", "")).endswith("dummy")


def _state(alias: str) -> ReportedDatabase:
    executor = MigrationExecutor(connections[alias])
    loader = executor.loader
    applied = set(loader.applied_migrations)
    known = set(loader.disk_migrations)
    replaced = {key for migration in loader.disk_migrations.values() for key in migration.replaces}
    apps_here = {app for app, _ in known}
    unknown = sorted(key for key in applied - known - replaced if key[0] in apps_here)
    return ReportedDatabase(
        alias,
        database_place(connections[alias].settings_dict),
        tuple(_iter_pending(executor)),
        tuple(f"{app}.{name}" for app, name in unknown),
        {app: _last_migration(loader, app) for app in sorted({app for app, _ in unknown})},
    )


def _iter_pending(executor: MigrationExecutor) -> Iterator[ReportedMigration]:
    """Yield the migrations to apply. In an app without data they cannot break anything."""
    loader = executor.loader
    applied = set(loader.applied_migrations)
    apps_with_data = {app for app, _ in applied}
    plan = executor.migration_plan(loader.graph.leaf_nodes())
    state = loader.project_state(list(applied & set(loader.graph.nodes)))
    for migration, _ in plan:
        label = migration.app_label
        created = _created_models(plan, label)
        operations = []
        for operation in migration.operations:
            why = why_breaks(operation, state, label, created) if label in apps_with_data else ""
            operations.append(ReportedOperation(operation.describe(), bool(why), why))
            state = state.clone() if why else state
            operation.state_forwards(label, state)
        yield ReportedMigration(label, migration.name, tuple(operations))


def _last_migration(loader: MigrationLoader, app: str) -> str:
    """Return the leaf migration of an app in this code, or "zero" if it has none."""
    leaves = sorted(name for _, name in loader.graph.leaf_nodes(app))
    return leaves[-1] if leaves else "zero"


def database_place(entry: Mapping[str, object]) -> str:
    """Return a text for the database of an entry of DATABASES, without user and password."""
    engine = str(entry.get("ENGINE", "")).rpartition(".")[2]
    name = str(entry.get("NAME", ""))
    machine = os.uname().nodename
    if engine in ("sqlite3", "spatialite"):
        return f"{engine}:{machine}:{name}"
    host = str(entry.get("HOST", "")) or machine
    if host in ("localhost", "127.0.0.1", "::1") or host.startswith("/"):
        host = f"{machine}:{host}"
    return f"{engine}://{host}:{entry.get('PORT') or ''}/{name}"


def _created_models(plan: Iterable[tuple[Migration, bool]], label: str) -> set[str]:
    return {
        operation.name.lower()
        for migration, _ in plan
        if migration.app_label == label
        for operation in migration.operations
        if isinstance(operation, ops.CreateModel)
    }


def why_breaks(
    operation: Operation, state: ProjectState, label: str, created: Iterable[str] = ()
) -> str:
    """Return why an operation breaks code that runs while it is applied, or an empty string.

    ``state`` is the state of the models before the operation. ``created`` are the models that the
    same plan creates, so running code does not use them. What RunPython and RunSQL do is not known.
    """
    model = getattr(operation, "model_name", None) or getattr(operation, "name", "")
    if isinstance(model, str) and model.lower() in set(created):
        return ""
    if isinstance(operation, ops.SeparateDatabaseAndState):
        reasons = (why_breaks(one, state, label, created) for one in operation.database_operations)
        return next(filter(None, reasons), "")
    if isinstance(operation, ops.RemoveField):
        return "running code still uses the column"
    if isinstance(operation, ops.DeleteModel):
        return "running code still uses the table"
    if isinstance(operation, ops.RenameField):
        return "running code uses the column by its old name"
    if isinstance(operation, (ops.RenameModel, ops.AlterModelTable)):
        return "running code uses the table by its old name"
    if isinstance(operation, ops.AddField):
        return _why_added_breaks(operation.field)
    if isinstance(operation, ops.AlterField):
        return _why_altered_breaks(operation, state, label)
    return ""


def _why_added_breaks(field: Field[object, object]) -> str:
    if field.many_to_many or field.null or getattr(field, "generated", False):
        return ""
    if _has_db_default(field):
        return ""
    return (
        "running code inserts rows without the new column, which is NOT NULL and has no default in "
        "the database"
    )


def _why_altered_breaks(operation: ops.AlterField, state: ProjectState, label: str) -> str:
    try:
        before = state.models[label, operation.model_name_lower].fields[operation.name]
    except KeyError:
        return ""
    after = operation.field
    if before.null and not after.null and not _has_db_default(after):
        return "running code may still write NULL"
    if _column_type(before) != _column_type(after):
        return f"the column's type changes from {_column_type(before)} to {_column_type(after)}"
    shorter = (after.max_length or 0) < (before.max_length or 0) and after.max_length is not None
    return "running code may write longer texts" if shorter else ""


def _column_type(field: Field[object, object]) -> str:
    internal = str(field.get_internal_type())
    return _SAME_TYPES.get(internal, internal)


def _has_db_default(field: Field[object, object]) -> bool:
    return getattr(field, "db_default", NOT_PROVIDED) is not NOT_PROVIDED
