"""Projects for one check to look at, and the values that many of them are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.test import override_settings

from django_deploykit.checks.catalogue import catalogue
from django_deploykit.checks.finding import Finding
from django_deploykit.checks.subject import read_subject
from django_deploykit.project import read_project
from tests.unit.checks.hints import follow

KEY = "kT3v_0zQm9sXf2LrWn7Yb4Hd8Pc1Jg6Ua5Eo-iBqRtVxZwNyMkSl"
TEMPLATES = {"BACKEND": "django.template.backends.django.DjangoTemplates"}
SQLITE = {"ENGINE": "django.db.backends.sqlite3", "NAME": "/var/lib/shop/db.sqlite3"}
POSTGRES = {
    "ENGINE": "django.db.backends.postgresql",
    "NAME": "shop",
    "USER": "shop",
    "PASSWORD": "7c2f-long",
    "HOST": "db.example.com",
    "OPTIONS": {"sslmode": "verify-full"},
}
LOCMEM = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
REDIS = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": "redis://cache:6379/1",
    }
}
CONSOLE = {
    "version": 1,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"]},
}
SMTP = "django.core.mail.backends.smtp.EmailBackend"  # the tests themselves send no mail
HTTPS = {"SESSION_COOKIE_SECURE": True, "CSRF_COOKIE_SECURE": True, "LANGUAGE_COOKIE_SECURE": True}


@dataclass(frozen=True)
class Case:
    """A project: its ``settings``, its ``files`` by name, and changes to its subject."""

    settings: dict[str, Any] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    subject: dict[str, Any] = field(default_factory=dict)


def log(handler: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return LOGGING with one handler."""
    return {"version": 1, "handlers": {"one": handler}, "root": {"handlers": ["one"]}, **more}


def procfile(text: str) -> Case:
    """Return a project with this Procfile."""
    return Case(files={"Procfile": text})


def setting(**settings: Any) -> Case:
    """Return a project with these settings."""
    return Case(settings=settings)


def databases(entry: dict[str, Any], **more: Any) -> Case:
    """Return a project with one database."""
    return setting(DATABASES={"default": {**entry, **more}})


MODELS = """
from django.db import models

class Order(models.Model):
    id = models.AutoField(primary_key=True)
    number = models.IntegerField()
"""
INITIAL = """
from django.db import migrations, models

class Migration(migrations.Migration):
    operations = [
        migrations.CreateModel(
            "Order",
            [("id", models.AutoField(primary_key=True, serialize=False)), ("number", models.IntegerField())],
        )
    ]
"""
EMPTY = INITIAL.replace(', ("number", models.IntegerField())', "")
MIGRATION = """
from django.db import migrations

class Migration(migrations.Migration):
    dependencies = [("{app}", "m0001")]
"""
WSGI = 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "{}")\n'

# By number: projects in which the check finds a problem, and projects in which it finds none.
Cases = dict[str, tuple[list[Case], list[Case]]]
Test = Callable[[str, Case, Path], None]


def run_check(key: str, root: Path, **changes: Any) -> list[Finding]:
    """Run one check on the project in ``root``, with changes to its subject.

    The code in the hints of its findings must work.
    """
    subject = replace(read_subject(read_project(root)), **{"tracked": None, **changes})
    found = list(catalogue()[f"deploykit.{key}"].run(subject))
    for one in found:
        follow(one.hint, root)
    return found


def run_case(key: str, case: Case, root: Path) -> list[Finding]:
    """Run one check on a project that is created for it."""
    (root / "manage.py").write_text("", encoding="utf-8")
    for name, text in case.files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    # Since Django 6.1 an override of LOGGING takes effect, and would open the files that it names.
    with patch("logging.config.dictConfig"), override_settings(**_fill(case.settings, root)):
        return run_check(key, root, **case.subject)


def case_tests(cases: Cases) -> tuple[Test, Test]:
    """Return two tests for a module: its checks find every problem, and find nothing else."""

    @pytest.mark.parametrize(("key", "case"), _parameters(cases, 0))
    def finds(key: str, case: Case, tmp_path: Path) -> None:
        found = run_case(key, case, tmp_path)
        assert {one.id for one in found} == {f"deploykit.{key}"}
        assert all(one.message for one in found)

    @pytest.mark.parametrize(("key", "case"), _parameters(cases, 1))
    def finds_nothing(key: str, case: Case, tmp_path: Path) -> None:
        assert run_case(key, case, tmp_path) == []

    return finds, finds_nothing


def _parameters(cases: Cases, half: int) -> list[Any]:
    return [
        pytest.param(key, case, id=f"{key}-{number}")
        for key, halves in cases.items()
        for number, case in enumerate(halves[half])
    ]


def _fill(value: Any, root: Path) -> Any:
    """Return settings with ``{root}`` replaced by the project's folder."""
    if isinstance(value, str):
        return value.replace("{root}", str(root))
    if isinstance(value, dict):
        return {key: _fill(one, root) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_fill(one, root) for one in value)
    return value
