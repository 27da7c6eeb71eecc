"""Which operations break running code, and which database an entry means."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import migrations, models
from django.db.migrations.state import ModelState, ProjectState

from django_deploykit.checks.server.migrations import database_place, why_breaks


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
