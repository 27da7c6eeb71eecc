"""Which operations break running code, and which database an entry means."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.db import connections, migrations, models
from django.db.migrations.state import ModelState, ProjectState

from django_deploykit.checks.server.migrations import database_place, read_states, why_breaks
from django_deploykit.runtime.wire.reports import ReportedMigration, ReportedOperation
from tests.unit.checks.cases import INITIAL, MIGRATION
from tests.unit.checks.conftest import Connect

REMOVAL = f'{MIGRATION}    operations = [migrations.RemoveField("order", "number")]\n'


def state() -> ProjectState:
    """Return a project with one model, ``shop.Product``."""
    found = ProjectState()
    fields: list[tuple[str, Any]] = [
        ("id", models.BigAutoField(primary_key=True)),
        ("name", models.CharField(max_length=100, null=True)),
        ("price", models.IntegerField()),
    ]
    found.add_model(ModelState("shop", "Product", fields))
    return found


@pytest.mark.parametrize(
    ("operation", "why"),
    [
        (migrations.RemoveField("product", "name"), "still uses the column"),
        (migrations.DeleteModel("Product"), "still uses the table"),
        (migrations.RenameField("product", "name", "title"), "by its old name"),
        (migrations.RenameModel("Product", "Article"), "by its old name"),
        (migrations.AlterModelTable("product", "goods"), "by its old name"),
        (
            migrations.AddField("product", "weight", models.IntegerField(default=0)),
            "no default in the database",
        ),
        (
            migrations.AlterField("product", "name", models.CharField(max_length=100)),
            "may still write NULL",
        ),
        (migrations.AlterField("product", "price", models.CharField(max_length=9)), "type changes"),
        (
            migrations.AlterField("product", "name", models.CharField(max_length=9, null=True)),
            "longer texts",
        ),
        (
            migrations.SeparateDatabaseAndState([migrations.RemoveField("product", "name")]),
            "still uses the column",
        ),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
def test_says_why_an_operation_breaks_running_code(operation: Any, why: str) -> None:
    assert why in why_breaks(operation, state(), "shop")


@pytest.mark.parametrize(
    "operation",
    [
        migrations.AddField("product", "weight", models.IntegerField(null=True)),
        migrations.AddField("product", "tags", models.ManyToManyField("self")),
        migrations.CreateModel("Order", [("id", models.BigAutoField(primary_key=True))]),
        migrations.AlterField("product", "name", models.CharField(max_length=200, null=True)),
        migrations.AlterField("product", "price", models.IntegerField(help_text="in cents")),
        migrations.AddIndex("product", models.Index(fields=["name"], name="x")),
        migrations.RunPython(migrations.RunPython.noop),
    ],
    ids=lambda value: type(value).__name__,
)
def test_harmless_operations_break_nothing(operation: Any) -> None:
    assert why_breaks(operation, state(), "shop") == ""


def test_a_default_in_the_database_is_harmless() -> None:
    import django

    if django.VERSION < (5, 0):
        pytest.skip("db_default came with Django 5.0")
    field = models.IntegerField(db_default=0)
    assert why_breaks(migrations.AddField("product", "weight", field), state(), "shop") == ""


def test_models_of_the_same_plan_break_nothing() -> None:
    operation = migrations.AddField("order", "weight", models.IntegerField(default=0))
    assert why_breaks(operation, state(), "shop", {"order"}) == ""


def test_a_place_contains_no_secret_and_distinguishes_databases() -> None:
    entry = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "shop",
        "HOST": "db",
        "PORT": "5432",
        "USER": "ann",
        "PASSWORD": "hush",
    }
    assert database_place(entry) == "postgresql://db:5432/shop"
    assert database_place({**entry, "HOST": ""}) != database_place(entry)
    sqlite = {"ENGINE": "django.db.backends.sqlite3", "NAME": "/x/db"}
    assert database_place(sqlite).endswith(":/x/db")


def test_reads_what_each_database_needs(
    project: Path, migrate: Callable[..., None], connect: Connect
) -> None:
    connect(default=project / "db.sqlite3")
    migrate(m0001=INITIAL)
    (state,) = read_states()
    (first,) = state.pending
    assert (first.name, [one.breaks for one in first.operations]) == ("m0001", [False])
    with closing(sqlite3.connect(project / "db.sqlite3")) as database, database:
        database.execute("create table django_migrations (id integer, app, name, applied)")
        for name in ("m0001", "m0009_newer"):
            row = (first.app, name, "2026-11-23 04:15:00")
            database.execute("insert into django_migrations values (1, ?, ?, ?)", row)
    migrate(m0002=REMOVAL)
    (state,) = read_states()
    (second,) = state.pending
    assert second == ReportedMigration(
        first.app,
        "m0002",
        (
            ReportedOperation(
                "Remove field number from order", True, "running code still uses the column"
            ),
        ),
    )
    assert state.unknown == (f"{first.app}.m0009_newer",)
    assert state.back == {first.app: "m0002"}


def test_a_database_that_cannot_be_read_has_no_states(connect: Connect, tmp_path: Path) -> None:
    connect(default=tmp_path / "no" / "folder.sqlite3")
    assert read_states() == []


def test_an_absent_default_database_leaves_the_others_their_migrations(
    project: Path,
    migrate: Callable[..., None],
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connect()
    assert read_states() == []
    connect(default=project / "none.sqlite3", main=project / "main.sqlite3")
    monkeypatch.setitem(
        connections.settings, "default", {"ENGINE": "django.db.backends.dummy", "TEST": {}}
    )
    migrate(m0001=INITIAL)
    (state,) = read_states()
    assert (state.database, len(state.pending)) == ("main", 1)
