"""Checks of what bundle and release would refuse; tests/unit/test_preflight.py has the rest."""

from __future__ import annotations

from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest
from django.test import override_settings

from django_deploykit.checks.finding import Finding, Undecided
from django_deploykit.checks.subject import Refusals
from django_deploykit.conf import Config, config
from django_deploykit.project.procfile import NO_ASGI_SERVER
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


TRIED = ("E822", "W117", "W840", "E841", "E842", "E843", "W845")


@pytest.mark.parametrize("key", TRIED)
def test_what_trying_a_build_found_is_reported(key: str, project: Path) -> None:
    finding = Finding("a mistake", "Correct it.", path="shop/settings.py", line=3)
    trial = Refusals({key: (finding,)})
    (found,) = run_check(key, project, trial=lambda: trial)
    assert (found.message, found.where, found.id) == (
        "a mistake",
        "shop/settings.py:3",
        f"deploykit.{key}",
    )
    assert run_check(key, project, trial=Refusals) == []
    assert run_check(key, project) == []  # for example, `check --deploy` tries no build


@pytest.mark.parametrize("key", TRIED)
def test_what_could_not_be_tried_is_not_judged(key: str, project: Path) -> None:
    trial = Refusals(unknown={key: "there is no commit"})
    with pytest.raises(Undecided, match="there is no commit"):
        run_check(key, project, trial=lambda: trial)


def test_a_missing_server_for_asgi_is_reported_once(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlocked, other = f"{NO_ASGI_SERVER} asgi.py", "a mistake"
    refusals = Refusals({"E843": (Finding(unlocked), Finding(other))})

    def messages(key: str) -> list[str]:
        return [one.message for one in run_check(key, project, trial=lambda: refusals)]

    (project / "shop").mkdir()
    (project / "shop" / "asgi.py").touch()
    monkeypatch.setattr(metadata, "version", lambda name: "1.0")  # installed, not locked
    with override_settings(ASGI_APPLICATION="shop.asgi.application", WSGI_APPLICATION=None):
        assert messages("E830") == []
        assert messages("E843") == [unlocked, other]
        monkeypatch.setattr(metadata, "version", not_installed)
        assert messages("E830") == [f"{NO_ASGI_SERVER} there is no wsgi.py"]
        assert messages("E843") == [other]


def not_installed(name: str) -> str:
    raise metadata.PackageNotFoundError(name)


def test_a_lock_file_that_only_a_tool_reads_is_judged_by_trying(project: Path) -> None:
    trial = Refusals({"E823": (Finding("uv.lock has none"),)})
    assert [one.message for one in run_check("E823", project, trial=lambda: trial)] == [
        "uv.lock has none"
    ]


def test_root_must_not_release(project: Path) -> None:
    refusals = {"E844": (Finding("root must not release"),)}
    assert [one.id for one in run_check("E844", project, refusals=refusals)] == ["deploykit.E844"]


def test_a_process_that_cannot_start_is_found(project: Path) -> None:
    (project / "Procfile").write_text("web: gunicorn --bnid x shop.wsgi\nworker: ./work.sh\n")
    found = run_check("E843", project)
    assert [one.message for one in found] == [
        "the process web: gunicorn refuses its arguments: unrecognized arguments: --bnid",
        "the process worker: ./work.sh does not exist",
    ]
    assert run_check("E843", project, released=True) == []


def test_migrations_of_the_project_must_be_tracked(
    project: Path, migrate: Callable[..., None]
) -> None:
    migrate(m0001="{app}")
    (found,) = [
        one for one in run_check("E824", project, tracked=("manage.py",)) if "migr" in one.path
    ]
    assert found.path.endswith("/migrations/m0001.py")
    assert run_check("E824", project, tracked=("manage.py", found.path)) == []


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
