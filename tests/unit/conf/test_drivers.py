"""Only databases with a driver are offered."""

from __future__ import annotations

import pytest

from django_deploykit.conf.drivers import database_help, is_installed

POSTGRES = "postgres://user:password@host:5432/name"
SQLITE = "sqlite:////var/lib/shop/db.sqlite3"


@pytest.mark.parametrize(
    ("installed", "expected"),
    [
        ({"sqlite3"}, f"A URL such as {SQLITE}"),
        ({"psycopg"}, f"A URL such as {POSTGRES}"),
        (
            {"psycopg2", "sqlite3"},
            f"A URL such as {POSTGRES} or {SQLITE}",
        ),
        ({"pymysql"}, "A URL such as mysql://user:password@host:3306/name"),
        (set(), "A URL; no driver of a database is installed"),
    ],
)
def test_only_databases_with_a_driver_are_offered(installed: set[str], expected: str) -> None:
    assert database_help("shop", installed.__contains__) == expected


def test_a_driver_is_a_module_that_can_be_imported() -> None:
    assert is_installed("sqlite3")
    assert not is_installed("no_such_driver")
