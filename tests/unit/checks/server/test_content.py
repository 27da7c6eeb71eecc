"""Checks of rows in the host's database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.test import override_settings
from django.utils import timezone

from django_deploykit.checks.finding import Undecided
from django_deploykit.checks.server import content
from tests.unit.checks.cases import run_check
from tests.unit.checks.conftest import Connect


def rows(model: str) -> Any:
    """Return the manager of a model; it is imported only when its app is installed."""
    return apps.get_model(model)._default_manager


APPS = [f"django.contrib.{name}" for name in ("contenttypes", "auth", "sessions", "sites")]


@pytest.fixture(autouse=True)
def site(connect: Connect, tmp_path: Path) -> Iterator[None]:
    """A database with the tables of these apps."""
    connect(default=tmp_path / "db.sqlite3")
    with override_settings(INSTALLED_APPS=APPS, SITE_ID=1):
        with connection.schema_editor() as editor:
            for app in ("contenttypes", "auth", "sessions", "sites"):
                for model in apps.get_app_config(app).get_models():
                    editor.create_model(model)
        yield


def test_expired_sessions_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "_MANY", 2)
    past = timezone.now() - timedelta(days=1)
    for number in range(2):
        rows("sessions.Session").create(session_key=str(number), expire_date=past)
    rows("sessions.Session").create(session_key="now", expire_date=past + timedelta(days=2))
    assert run_check("W509", tmp_path) == []
    rows("sessions.Session").create(session_key="3", expire_date=past)
    (found,) = run_check("W509", tmp_path)
    assert found.message == "the database has more than 2 expired sessions"
    with override_settings(SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies"):
        assert run_check("W509", tmp_path) == []


def test_the_domain_of_an_example_is_found(tmp_path: Path) -> None:
    (missing,) = run_check("W706", tmp_path)
    assert missing.message.startswith("the site of SITE_ID 1 does not exist")
    site = rows("sites.Site").create(pk=1, domain="example.com", name="x")
    (found,) = run_check("W706", tmp_path)
    assert found.message.startswith("the site of SITE_ID 1 has the domain example.com")
    site.domain = "shop.example.com"
    site.save()
    assert run_check("W706", tmp_path) == []


@pytest.mark.parametrize(
    ("name", "password", "count"),
    [("admin", "admin", 1), ("anna", "changeme", 1), ("anna", "anna", 1), ("anna", "x7!kk-0", 0)],
)
def test_a_guessable_superuser_is_found(
    name: str, password: str, count: int, tmp_path: Path
) -> None:
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        rows("auth.User").create_superuser(name, password=password)
        rows("auth.User").create_user("visitor", password="visitor")
        assert len(run_check("W306", tmp_path)) == count


@pytest.mark.parametrize("key", ["W306", "W509", "W706"])
def test_a_database_before_its_migrations_has_no_problem(
    key: str, connect: Connect, tmp_path: Path
) -> None:
    connect(default=tmp_path / "new.sqlite3")
    assert run_check(key, tmp_path) == []


@pytest.mark.parametrize("key", ["W306", "W509", "W706"])
def test_a_site_without_a_database_has_no_problem(
    key: str, connect: Connect, tmp_path: Path
) -> None:
    connect()
    assert run_check(key, tmp_path) == []


@pytest.mark.parametrize("key", ["W306", "W509", "W706"])
def test_a_database_that_cannot_be_reached_decides_nothing(
    key: str, connect: Connect, tmp_path: Path
) -> None:
    connect(default=tmp_path / "no" / "folder.sqlite3")
    with pytest.raises(Undecided, match="cannot be reached"):
        run_check(key, tmp_path)
