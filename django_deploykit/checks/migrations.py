"""What waits to be migrated in every database, and which of it breaks code that runs now."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations import operations as ops
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models.fields import NOT_PROVIDED


def migration_states() -> list[dict[str, Any]]:
    """Return a row for each database that migrations go to.

    ``database`` (alias), ``place`` (the same text where two hosts share the database; no secret),
    ``pending``: app, name and operations, each with ``type``, ``describe``, ``breaks`` and ``why``;
    ``unknown``: applied migrations, ``app.name``, that this code does not have; ``back``: by app,
    the migration to go back to for them.
    """
    return [_state(alias) for alias in connections if _migrates(alias)]


def _migrates(alias: str) -> bool:
    """Whether migrations of some app go to a database; ``default`` always counts."""
    entry = connections[alias].settings_dict
    if entry.get("TEST", {}).get("MIRROR"):
        return False
    return alias == DEFAULT_DB_ALIAS or not str(entry.get("ENGINE", "")).endswith("dummy")


def _state(alias: str) -> dict[str, Any]:
    connection = connections[alias]
    executor = MigrationExecutor(connection)
    loader = executor.loader
    applied = set(loader.applied_migrations)
    known = set(loader.disk_migrations)
    replaced = {key for migration in loader.disk_migrations.values() for key in migration.replaces}
    apps_here = {app for app, _ in known}
    unknown = sorted(key for key in applied - known - replaced if key[0] in apps_here)
    plan = executor.migration_plan(loader.graph.leaf_nodes())
    state = loader.project_state(list(applied & set(loader.graph.nodes)))
    apps_with_data = {app for app, _ in applied}
    pending = []
    for migration, _ in plan:
        fresh = _created(plan, migration.app_label)
        rows = []
        for operation in migration.operations:
            why = (
                ""
                if migration.app_label not in apps_with_data
                else breaks(operation, state, migration.app_label, fresh)
            )
            rows.append(
                {
                    "type": type(operation).__name__,
                    "describe": operation.describe(),
                    "breaks": bool(why),
                    "why": why,
                }
            )
            state = state.clone() if why else state
            operation.state_forwards(migration.app_label, state)
        pending.append({"app": migration.app_label, "name": migration.name, "operations": rows})
    return {
        "database": alias,
        "place": place(connection.settings_dict),
        "pending": pending,
        "unknown": [f"{app}.{name}" for app, name in unknown],
        "back": {app: _last(loader, app) for app in sorted({app for app, _ in unknown})},
    }


def _last(loader: Any, app: str) -> str:
    """Return the migration that an app ends with in this code, "zero" where it has none."""
    leaves = sorted(name for _, name in loader.graph.leaf_nodes(app))
    return leaves[-1] if leaves else "zero"


def place(entry: dict[str, Any]) -> str:
    """Return which database an entry of DATABASES means, without user and password."""
    engine = str(entry.get("ENGINE", "")).rpartition(".")[2]
    name = str(entry.get("NAME", ""))
    if engine in ("sqlite3", "spatialite"):
        return f"{engine}:{os.uname().nodename}:{name}"
    host = str(entry.get("HOST", "")) or os.uname().nodename
    if host in ("localhost", "127.0.0.1", "::1") or host.startswith("/"):
        host = f"{os.uname().nodename}:{host}"
    return f"{engine}://{host}:{entry.get('PORT') or ''}/{name}"


def _created(plan: Iterable[tuple[Any, bool]], label: str) -> set[str]:
    return {
        operation.name.lower()
        for migration, _ in plan
        if migration.app_label == label
        for operation in migration.operations
        if isinstance(operation, ops.CreateModel)
    }


def breaks(operation: Operation, state: ProjectState, label: str, fresh: Iterable[str] = ()) -> str:
    """Return why an operation breaks code that runs while it is applied, "" where it does not.

    ``state`` is the models' state before it, ``fresh`` the models that the same plan creates:
    running code does not know them. What RunPython and RunSQL do cannot be seen.
    """
    model = getattr(operation, "model_name", None) or getattr(operation, "name", "")
    if isinstance(model, str) and model.lower() in set(fresh):
        return ""
    if isinstance(operation, ops.SeparateDatabaseAndState):
        reasons = [breaks(one, state, label, fresh) for one in operation.database_operations]
        return next(filter(None, reasons), "")
    if isinstance(operation, ops.RemoveField):
        return "running code still asks for the column"
    if isinstance(operation, ops.DeleteModel):
        return "running code still asks for the table"
    if isinstance(operation, ops.RenameField):
        return "running code asks for the column by its old name"
    if isinstance(operation, ops.RenameModel):
        return "running code asks for the table by its old name"
    if isinstance(operation, ops.AlterModelTable):
        return "running code asks for the table by its old name"
    if isinstance(operation, ops.AddField):
        return _added(operation.field)
    if isinstance(operation, ops.AlterField):
        return _altered(operation, state, label)
    return ""


def _added(field: Any) -> str:
    if field.many_to_many or field.null or getattr(field, "generated", False):
        return ""
    if _has_db_default(field):
        return ""
    return "running code inserts rows without the new column, which is NOT NULL and has no default in the database"


def _altered(operation: ops.AlterField, state: ProjectState, label: str) -> str:
    try:
        before = state.models[label, operation.model_name_lower].fields[operation.name]
    except KeyError:
        return ""
    after = operation.field
    if before.null and not after.null and not _has_db_default(after):
        return "running code may still write NULL"
    if _kind(before) != _kind(after):
        return f"the column's type changes from {_kind(before)} to {_kind(after)}"
    shorter = (after.max_length or 0) < (before.max_length or 0) and after.max_length is not None
    return "running code may write longer texts" if shorter else ""


def _kind(field: Any) -> str:
    internal = field.get_internal_type()
    same = {
        "BigAutoField": "BigIntegerField",
        "AutoField": "IntegerField",
        "OneToOneField": "ForeignKey",
    }
    text = {"SlugField", "EmailField", "URLField", "FilePathField", "FileField", "ImageField"}
    return "CharField" if internal in text else same.get(internal, str(internal))


def _has_db_default(field: Any) -> bool:
    return getattr(field, "db_default", NOT_PROVIDED) is not NOT_PROVIDED
