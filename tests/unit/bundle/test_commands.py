"""Running the project: its variables, its build commands, its answer and its errors."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from django_deploykit.bundle.commands import ask, command_environment, files_below, run_build
from django_deploykit.bundle.environment import InstalledEnvironment
from django_deploykit.errors import BundleError
from django_deploykit.project import Project


@pytest.fixture
def environment(tmp_path: Path) -> InstalledEnvironment:
    """Return an environment whose Python is the one of the tests."""
    python = tmp_path / "env" / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    return InstalledEnvironment(tmp_path / "env", (), "any", "", (), (), ())


@pytest.fixture
def project(tmp_path: Path) -> Project:
    folder = tmp_path / "place" / "export"
    folder.mkdir(parents=True)
    return Project(folder, "tiny", folder / "deploykit.ini", settings="tiny_settings")


def test_passes_no_secrets_and_the_locked_python_first(
    environment: InstalledEnvironment, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("npm_config_registry", "https://npm.example.org")
    env = command_environment(project, environment)
    assert not {"AWS_SECRET_ACCESS_KEY", "npm_config_registry"} & set(env)
    assert env["PATH"].startswith(f"{environment.folder}/venv/bin:")
    assert (env["DEPLOYKIT_BUILD"], env["TZ"], env["LC_ALL"]) == ("1", "UTC", "C.UTF-8")
    assert env["DJANGO_SETTINGS_MODULE"] == "tiny_settings"
    env = command_environment(project, environment, build=True)
    assert env["npm_config_registry"] == "https://npm.example.org"
    assert "AWS_SECRET_ACCESS_KEY" not in env


def test_a_build_command_that_fails_is_shown_with_its_output(
    environment: InstalledEnvironment, project: Project
) -> None:
    run_build("echo one > made.txt", project, environment, project.root)
    assert (project.root / "made.txt").read_text() == "one\n"
    with pytest.raises(BundleError, match=r"exit code 3: echo why; exit 3\n  why"):
        run_build("echo why; exit 3", project, environment, project.root)


def test_the_answer_has_facts_and_stray_files(
    environment: InstalledEnvironment, project: Project
) -> None:
    (project.root / "tiny_settings.py").write_text(
        "SECRET_KEY = 'x'\nSTATIC_URL = '/s/'\nopen('debug.log', 'w').close()\n"
    )
    answer = ask(project, environment, project.root)
    assert answer.facts["settings_module"] == "tiny_settings"
    assert answer.facts["static_url"] == "/s/"
    assert answer.stray == ("debug.log",)
    assert answer.trace is not None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("1 / 0", r"settings do not import: tiny_settings.py:1: ZeroDivisionError"),
        ("import nothing_like_it", r"ModuleNotFoundError: No module named 'nothing_like_it'"),
        ("raise SystemExit(4)", r"the project exited with 4"),
        ("import os; os._exit(5)", r"cannot be started \(exit code 5\)"),
    ],
)
def test_explains_settings_that_fail(
    environment: InstalledEnvironment, project: Project, text: str, says: str
) -> None:
    (project.root / "tiny_settings.py").write_text(text)
    with pytest.raises(BundleError, match=says):
        ask(project, environment, project.root)


def test_lists_files_without_bytecode_and_packages_of_the_front_end(tmp_path: Path) -> None:
    for name in ("b.py", "a/c.txt", "a/__pycache__/b.pyc", "node_modules/x.js", "d.pyc", ".git/x"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    assert files_below(tmp_path) == ["a/c.txt", "b.py"]
