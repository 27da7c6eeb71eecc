"""Checks of databases and migrations."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import django
import pytest
from django.test import override_settings

from tests.unit.checks.cases import (
    EMPTY,
    INITIAL,
    MIGRATION,
    POSTGRES,
    SQLITE,
    Case,
    Cases,
    case_tests,
    databases,
    procfile,
    run_case,
    run_check,
)

CASES: Cases = {
    "W412": (
        [
            databases(POSTGRES, PORT="6432"),
            databases(POSTGRES, PORT=6432),
            databases(POSTGRES, HOST="pgbouncer"),
        ],
        [
            databases(POSTGRES, PORT="6432", DISABLE_SERVER_SIDE_CURSORS=True),
            databases(POSTGRES, PORT="5432"),
            databases(SQLITE),
        ],
    ),
    "E401": (
        [
            databases(SQLITE, NAME="db.sqlite3"),
            databases(SQLITE, NAME=":memory:"),
            databases(SQLITE, NAME="{root}/db.sqlite3"),
        ],
        [databases(SQLITE), databases(POSTGRES)],
    ),
    "E409": (
        [
            Case(
                {"DATABASES": {"default": {**POSTGRES, "CONN_MAX_AGE": 60}}},
                {"deploykit.ini": "[check]\nserver = asgi\n"},
            )
        ],
        [databases(POSTGRES, CONN_MAX_AGE=60)],
    ),
    "W410": (
        [databases(POSTGRES, CONN_MAX_AGE=60), databases(POSTGRES, CONN_MAX_AGE=None)],
        [
            databases(POSTGRES, CONN_MAX_AGE=60, CONN_HEALTH_CHECKS=True),
            databases(POSTGRES),
            databases(SQLITE, CONN_MAX_AGE=60),
        ],
    ),
    "E411": (
        [databases(POSTGRES, CONN_MAX_AGE=60, OPTIONS={"pool": True})],
        [databases(POSTGRES, CONN_MAX_AGE=0, OPTIONS={"pool": True})],
    ),
    "W414": (
        [databases(POSTGRES, OPTIONS={})],
        [
            databases(POSTGRES),
            databases(POSTGRES, HOST="10.0.0.5", OPTIONS={}),
            databases(POSTGRES, HOST="/run/postgresql", OPTIONS={}),
        ],
    ),
    "W415": (
        [databases(POSTGRES, PASSWORD=""), databases(POSTGRES, PASSWORD="postgres")],
        [databases(POSTGRES), databases(POSTGRES, HOST="", PASSWORD="")],
    ),
    "W417": (
        [procfile("web: python manage.py migrate && gunicorn shop.wsgi\n")],
        [procfile("release: python manage.py migrate\nweb: gunicorn shop.wsgi\n")],
    ),
}

test_finds, test_finds_nothing = case_tests(CASES)


def test_finds_sqlite_that_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = {"ENGINE": "django.db.backends.sqlite3", "NAME": "/var/lib/shop/x"}
    monkeypatch.setattr(django, "VERSION", (5, 2))
    with override_settings(DATABASES={"default": entry}):
        assert run_check("W402", tmp_path)
    with override_settings(
        DATABASES={"default": {**entry, "OPTIONS": {"transaction_mode": "IMMEDIATE"}}}
    ):
        assert run_check("W402", tmp_path) == []
    monkeypatch.setattr(django, "VERSION", (4, 2))  # does not know the option
    with override_settings(DATABASES={"default": entry}):
        assert run_check("W402", tmp_path) == []


def test_models_that_agree_with_the_migrations_are_fine(
    project: Path, migrate: Callable[..., None]
) -> None:
    migrate(m0001=INITIAL)
    assert run_check("E405", project) == run_check("E407", project) == []


def test_a_model_change_without_a_migration_is_found(
    project: Path, migrate: Callable[..., None]
) -> None:
    migrate(m0001=EMPTY)
    (found,) = run_check("E405", project)
    assert "models have changed in a way that makemigrations must ask about" in found.message


def test_a_change_that_leaves_the_database_as_it_is_needs_no_migration(
    project: Path, migrate: Callable[..., None]
) -> None:
    other = 'models.IntegerField(default=1, choices=[(1, "one")], verbose_name="n")'
    options = '], options={{"ordering": ["number"]}}\n        )'
    migrate(
        m0001=INITIAL.replace("models.IntegerField()", other).replace("],\n        )", options, 1)
    )
    assert run_check("E405", project) == []


@pytest.mark.parametrize(
    "option", ['"permissions": [("pack", "May pack")]', '"default_permissions": ("view",)']
)
def test_other_permissions_need_a_migration(
    option: str, project: Path, migrate: Callable[..., None]
) -> None:
    """migrate creates those of the migrations, which here are more than the model's."""
    migrate(m0001=INITIAL.replace("],\n        )", f"], options={{{{{option}}}}}\n        )", 1))
    (found,) = run_check("E405", project)
    assert found.message.endswith("Change Meta options on order")


def test_a_column_of_another_type_is_found(project: Path, migrate: Callable[..., None]) -> None:
    migrate(m0001=INITIAL.replace("models.IntegerField()", "models.BigIntegerField()"))
    (found,) = run_check("E405", project)
    assert found.message.endswith("Alter field number on order")


def test_migrations_that_do_not_load_are_found(project: Path, migrate: Callable[..., None]) -> None:
    migrate(m0001="import nothing_of_this_name\n")
    (found,) = run_check("E405", project)
    assert found.message.startswith("migrations cannot be loaded: ModuleNotFoundError")
    assert run_check("E407", project) == []


def test_conflicting_migrations_are_found(project: Path, migrate: Callable[..., None]) -> None:
    migrate(m0001=INITIAL, m0002_a=MIGRATION, m0002_b=MIGRATION)
    (found,) = run_check("E407", project)
    assert found.message.endswith(" has several leaf migrations: m0002_a, m0002_b")
    assert run_check("E405", project) == []


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("uvicorn shop.asgi:application", True),
        ("gunicorn -k uvicorn.workers.UvicornWorker shop.asgi", True),
        ("exec daphne shop.asgi:application", True),
        ("gunicorn shop.wsgi", False),
    ],
)
def test_finds_kept_connections_under_an_asgi_server(
    command: str, found: bool, tmp_path: Path
) -> None:
    case = Case(
        {"DATABASES": {"default": {**POSTGRES, "CONN_MAX_AGE": 60}}},
        {"Procfile": f"web: {command}\n"},
    )
    assert bool(run_case("E409", case, tmp_path)) is found
