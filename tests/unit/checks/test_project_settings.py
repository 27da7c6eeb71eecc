"""Reading the project's settings and their source."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings
from django.test import override_settings

from django_deploykit.checks.project_settings import (
    assignments,
    find_assignment,
    is_overridden,
    is_private_host,
    secret_key,
    setting_places,
    settings_files,
    settings_sources,
)


def test_knows_what_the_project_sets_itself() -> None:
    with override_settings(CACHES={}):
        assert is_overridden("TASKS", "CACHES")
    assert not is_overridden("LANGUAGE_COOKIE_DOMAIN")


def test_an_empty_secret_key_raises_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "SECRET_KEY", "")
    assert secret_key() == ""


@pytest.mark.parametrize("host", ["10.0.0.5", "::1", "db.internal", "printer.lan"])
def test_private_hosts(host: str) -> None:
    assert is_private_host(host)


@pytest.mark.parametrize("host", ["8.8.8.8", "db.example.com", "internal"])
def test_public_hosts(host: str) -> None:
    assert not is_private_host(host)


def test_settings_of_a_package_are_found_where_they_are_set(
    project: Path, write_settings: Callable[..., None]
) -> None:
    (project / "site_settings").mkdir()
    (project / "site_settings" / "base.py").write_text("INSTALLED_APPS = []\nDEBUG = True\n")
    write_settings("from .base import *\n\nUSE_TZ = True\n", "site_settings.production")
    assert setting_places(project) == {
        "USE_TZ": ("site_settings/production.py", 3),
        "INSTALLED_APPS": ("site_settings/base.py", 1),
        "DEBUG": ("site_settings/base.py", 2),
    }
    names = [Path(path).name for path in settings_sources(project)]
    assert names == ["production.py", "base.py"]
    node = find_assignment(project, "DEBUG")
    assert node is not None
    assert node.lineno == 2
    assert find_assignment(project, "TASKS") is None


def test_settings_without_a_module_have_no_files(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "SETTINGS_MODULE", None, raising=False)
    assert settings_files(project) == []


def test_the_last_assignment_of_a_name_counts(tmp_path: Path) -> None:
    path = tmp_path / "one.py"
    path.write_text("A = 1\nif A:\n    A = 2\nB, C = 3, 4\nD: int = 5\nlower = 6\n")
    found = assignments(str(path))
    assert {name: node.lineno for name, node in found.items()} == {"A": 3, "B": 4, "C": 4, "D": 5}
    assert isinstance(found["D"], ast.AnnAssign)


def test_a_file_that_cannot_be_parsed_has_no_assignments(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("x ==\n")
    assert assignments(str(tmp_path / "bad.py")) == assignments(str(tmp_path / "none.py")) == {}
