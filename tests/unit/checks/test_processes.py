"""Checks of the Procfile."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest

from django_deploykit import health
from tests.unit.checks.cases import Case, Cases, case_tests, procfile, run_check

CASES: Cases = {
    "E810": (
        [procfile("web: python manage.py runserver 0.0.0.0:$PORT\n")],
        [procfile("web: gunicorn shop.wsgi\n")],
    ),
    "W811": (
        [
            procfile("web: gunicorn shop.wsgi --reload\n"),
            procfile("web: gunicorn shop.wsgi -t 0\n"),
        ],
        [procfile("web: gunicorn shop.wsgi --timeout 30\n")],
    ),
    "E812": (
        [procfile("web: gunicorn nowhere.wsgi --workers 2\n")],
        [
            procfile("web: gunicorn --workers 2\n"),
            procfile("web: gunicorn tests.unit.checks.wsgi\n"),
        ],
    ),
    "E813": (
        [
            Case(
                {"ROOT_URLCONF": "tests.unit.checks.urls"},
                {"deploykit.ini": "[environment:production]\nhosts = a\nhealth = /nowhere\n"},
            )
        ],
        [
            Case(
                {"ROOT_URLCONF": "tests.unit.checks.urls"},
                {"deploykit.ini": "[environment:production]\nhosts = a\nhealth = /up\n"},
            ),
            Case(
                {"ROOT_URLCONF": "tests.unit.checks.urls", "MIDDLEWARE": [health.MIDDLEWARE]},
                {"deploykit.ini": "[environment:production]\nhosts = a\nhealth = /readyz\n"},
            ),
        ],
    ),
    "E819": (
        [
            procfile("web: python manage.py migrate && gunicorn a.wsgi\n"),
            procfile("# x\nweb: true; gunicorn a.wsgi\n"),
        ],
        [
            procfile("web: true && exec gunicorn a.wsgi\n"),
            procfile("web: gunicorn --workers $(nproc) a.wsgi 2>&1\n"),
            procfile("worker: a && b\n"),
        ],
    ),
    "W820": (
        [procfile("worker: a && b\n")],
        [procfile("release: a && b\n"), procfile("web: a && b\n")],
    ),
}

test_finds, test_finds_nothing = case_tests(CASES)


@pytest.mark.parametrize(
    ("version", "procfile", "found"),
    [
        ("23.0.0", "", True),
        ("23.0.0", "web: gunicorn --threads 4 a.wsgi\n", True),
        ("23.0.0", "web: gunicorn a.wsgi\n", False),
        ("23.0.0", "web: uvicorn a.asgi\n", False),
        ("24.0.0", "", False),
        (None, "", False),
    ],
)
def test_finds_a_gunicorn_that_drops_what_it_accepted(
    version: str | None, procfile: str, found: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def installed(name: str) -> str:
        if version is None:
            raise importlib.metadata.PackageNotFoundError(name)
        return version

    monkeypatch.setattr(importlib.metadata, "version", installed)
    (tmp_path / "manage.py").write_text("", encoding="utf-8")
    (tmp_path / "Procfile").write_text(procfile, encoding="utf-8")
    assert bool(run_check("W826", tmp_path)) is found
