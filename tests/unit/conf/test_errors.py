"""Errors in the configuration, and how an uncaught one is shown."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from django_deploykit.conf import ConfigError
from django_deploykit.conf.errors import ProblemList, show_without_traceback

SCRIPT = """
import sys
from django_deploykit.conf.errors import ConfigError, show_without_traceback
show_without_traceback(sys.argv[1:])
raise {}
"""
ERROR = 'ConfigError("shop", ["DEBUG: expected true or false"])'
MESSAGE = "error: the configuration of shop has 1 problem:\n  - DEBUG: expected true or false\n"


def run(error: str, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a program that ends with an error."""
    words = [sys.executable, "-c", SCRIPT.format(error), *command]
    return subprocess.run(words, capture_output=True, text=True)


def test_an_error_lists_all_problems() -> None:
    error = ConfigError("shop", ["A: is not set", "B: is empty"])
    assert error.problems == ("A: is not set", "B: is empty")
    assert str(error) == (
        "the configuration of shop has 2 problems:\n  - A: is not set\n  - B: is empty"
    )


def test_problems_are_listed_once_and_debug_excuses_some() -> None:
    problems = ProblemList()
    for _ in range(2):
        problems.add("A is not set")
        problems.add("B is weak", unless_debug=True)
    assert problems.all(debug=False) == ["A is not set", "B is weak"]
    assert problems.all(debug=True) == ["A is not set"]


@pytest.mark.parametrize(("command", "code"), [("migrate", 1), ("deploy_check", 2)])
def test_an_uncaught_configuration_error_has_no_traceback(command: str, code: int) -> None:
    done = run(ERROR, command)
    assert (done.returncode, done.stderr) == (code, MESSAGE)


@pytest.mark.parametrize(("command", "code"), [("deploy_check", 2), ("bundle", 1), ("release", 1)])
def test_other_errors_have_a_traceback_unless_a_command_of_ours_runs(
    command: str, code: int
) -> None:
    assert "Traceback" in run("LookupError('x')", "migrate").stderr
    done = run("LookupError('x')", command)
    assert done.returncode == code
    assert done.stderr == (
        "error: the project does not start: manage.py:1: LookupError: x\nCorrect it there.\n"
    )


def test_a_missing_library_of_the_system_is_not_the_lock_files_fault() -> None:
    done = run(
        "OSError('libpq.so.5: cannot open shared object file: No such file')", "deploy_check"
    )
    assert done.stderr.splitlines()[1].startswith("libpq is a library of the system")


def test_a_hook_of_somebody_else_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    def hook(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(sys, "excepthook", hook)
    show_without_traceback(["deploy_check"])
    assert sys.excepthook is hook


@pytest.fixture
def unconfigured(tmp_path: Path) -> Path:
    """A project whose settings require what is not set."""
    (tmp_path / "manage.py").write_text(
        "import os, sys\n"
        'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop_settings")\n'
        "from django.core.management import execute_from_command_line\n"
        "execute_from_command_line(sys.argv)\n"
    )
    (tmp_path / "shop_settings.py").write_text(
        "from django_deploykit.conf import Config\n"
        'config = Config("shop")\n'
        'SECRET_KEY = config.secret("SECRET_KEY")\n'
        'INSTALLED_APPS = ["django_deploykit"]\n'
    )
    return tmp_path


def manage(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=project,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("words", [[], ["help"], ["--help"]])
def test_help_lists_our_commands_before_anything_is_set(
    unconfigured: Path, words: list[str]
) -> None:
    done = manage(unconfigured, *words)
    shown = done.stdout.partition("[django_deploykit]")[2].split()
    assert shown[:3] == ["bundle", "deploy_check", "release"]
    assert "not properly configured" not in done.stdout
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "words",
    [["migrate", "--help"], ["runserver", "-h"], ["help", "migrate"], ["release", "--help"]],
)
def test_a_command_s_help_needs_nothing_that_is_set(unconfigured: Path, words: list[str]) -> None:
    done = manage(unconfigured, *words)
    assert done.stdout.startswith("usage: manage.py")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_misspelled_command_is_answered_before_what_is_not_set(unconfigured: Path) -> None:
    done = manage(unconfigured, "relase")
    assert done.stderr == "error: there is no command 'relase'; did you mean 'release'?\n"
    assert done.returncode == 1
    for name in ("migrate", "teach_elephants"):
        done = manage(unconfigured, name)
        assert "SECRET_KEY is not set" in done.stderr
        assert "Traceback" not in done.stderr
