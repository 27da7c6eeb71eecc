"""Which operations break code that runs, and what waits in a database."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import migrations, models
from django.db.migrations.state import ModelState, ProjectState

from django_deploykit.checks.migrations import breaks, place


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
        (migrations.RemoveField("product", "name"), "still asks for the column"),
        (migrations.DeleteModel("Product"), "still asks for the table"),
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
            "still asks for the column",
        ),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
def test_names_what_breaks(operation: Any, why: str) -> None:
    assert why in breaks(operation, state(), "shop")


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
def test_lets_harmless_operations_pass(operation: Any) -> None:
    assert breaks(operation, state(), "shop") == ""


def test_a_default_in_the_database_is_harmless() -> None:
    import django

    if django.VERSION < (5, 0):
        pytest.skip("db_default came with Django 5.0")
    field = models.IntegerField(db_default=0)
    assert breaks(migrations.AddField("product", "weight", field), state(), "shop") == ""


def test_models_of_the_same_plan_break_nothing() -> None:
    operation = migrations.AddField("order", "weight", models.IntegerField(default=0))
    assert breaks(operation, state(), "shop", {"order"}) == ""


def test_a_place_holds_no_secret_and_tells_databases_apart() -> None:
    entry = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "shop",
        "HOST": "db",
        "PORT": "5432",
        "USER": "ann",
        "PASSWORD": "hush",
    }
    assert place(entry) == "postgresql://db:5432/shop"
    assert place({**entry, "HOST": ""}) != place(entry)
    sqlite = {"ENGINE": "django.db.backends.sqlite3", "NAME": "/x/db"}
    assert place(sqlite).endswith(":/x/db")
