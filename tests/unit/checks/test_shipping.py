"""Checks of what bundle and release would refuse; tests/unit/test_preflight.py has the rest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from django_deploykit.checks.finding import Finding
from django_deploykit.conf import Config, config
from tests.unit.checks.cases import run_check


@pytest.fixture(autouse=True)
def no_config(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the Config objects of other tests."""
    monkeypatch.setattr(config, "_configs", [])


@pytest.mark.parametrize("key", ["E821", "E823"])
def test_refusals_are_reported_as_they_are(key: str, project: Path) -> None:
    refusals = {key: (Finding("a mistake", "Correct it.", path="deploykit.ini", line=3),)}
    (found,) = run_check(key, project, refusals=refusals)
    assert (found.message, found.where, found.id) == (
        "a mistake",
        "deploykit.ini:3",
        f"deploykit.{key}",
    )
    assert run_check(key, project) == []


def test_a_project_without_a_repository_is_found(project: Path) -> None:
    assert run_check("W822", project)
    assert run_check("W822", project, tracked=()) == []
    assert run_check("W822", project, released=True) == []


def test_files_that_git_does_not_track_are_found(project: Path) -> None:
    (project / "Procfile").write_text("web: gunicorn a.wsgi\n")
    (project / "uv.lock").write_text("")
    needed = {"E824": (Finding("", path="uv.lock"), Finding("", path="missing.whl"))}
    found = run_check("E824", project, tracked=("manage.py",), refusals=needed)
    assert [one.path for one in found] == ["Procfile", "uv.lock"]
    assert run_check("E824", project, tracked=None, refusals=needed) == []
    assert run_check("E824", project, tracked=(), server=True) == []


def test_a_config_with_another_name_is_found(
    project: Path, write_settings: Callable[..., None]
) -> None:
    (project / "deploykit.ini").write_text("[project]\nname = shop\n")
    assert run_check("E825", project) == []  # a project without a Config
    write_settings("from django_deploykit.conf import Config\n\nconfig = Config('store')\n")
    (found,) = run_check("E825", project)
    assert (found.where, found.hint) == (
        "own_settings.py:3",
        "Write `name = store` in [project] of deploykit.ini, or Config('shop').",
    )
    Config("shop", environ={})
    assert run_check("E825", project) == []


def test_the_name_is_not_compared_if_deploykit_ini_has_mistakes(project: Path) -> None:
    (project / "deploykit.ini").write_text("[project]\nname = The Shop\n")
    Config("store", environ={})
    assert run_check("E825", project) == []
