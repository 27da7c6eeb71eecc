"""Trying a build in the background, and its errors as findings."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from django_deploykit.bundle.trial import Trial
from django_deploykit.checks.subject import Subject
from django_deploykit.errors import DeployKitError, Problems
from django_deploykit.management.trying import as_refusals, start_trial
from django_deploykit.preflight import CHECKS
from django_deploykit.project import Project, read_project
from tests.projects import start_repository
from tests.waiting import until

MANAGE = """import os, sys
from django.core.management import execute_from_command_line
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "{}")
execute_from_command_line(sys.argv)
"""
HANGING = """import os, time
SECRET_KEY = "x" * 50
INSTALLED_APPS = ["django_deploykit"]
if os.environ.get("DEPLOYKIT_BUILD"):
    with open(r"{note}", "w") as file:
        file.write(f"{{os.getpid()}}\\n")
    time.sleep(600)
"""


def test_an_error_becomes_one_finding_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "settings.py").write_text("")
    project = Project(tmp_path, "shop", tmp_path / "deploykit.ini")
    several = Problems("these files differ:", ["a", "b", "c", "d", "e"], "Commit them.")
    error = DeployKitError("the settings do not import: settings.py:3: KeyError: 'A'", "One.\nTwo.")
    trial = Trial({"clean": several, "load": error}, {"processes": "it does not load"})
    refusals = as_refusals(trial, CHECKS, project)
    (one,), (other,) = refusals.findings["W840"], refusals.findings["E842"]
    assert (one.message, one.hint) == ("these files differ: a b c, and 2 more", "Commit them.")
    assert (other.where, other.hint) == ("settings.py:3", "One. Two.")
    assert other.message == "the settings do not import: KeyError: 'A'"  # the place is not repeated
    assert refusals.unknown == {"E843": "it does not load"}


def test_a_build_is_tried_in_the_background(tmp_path: Path) -> None:
    (tmp_path / "manage.py").write_text("")
    wait = start_trial(Subject(read_project(tmp_path)), CHECKS)
    refusals = wait()
    assert wait() is refusals  # for the next check
    (one,) = refusals.findings["E822"]
    assert "is not in a git repository" in one.message


def test_nothing_is_tried_while_deploykit_ini_has_mistakes(tmp_path: Path) -> None:
    (tmp_path / "manage.py").write_text("")
    (tmp_path / "deploykit.ini").write_text("[project]\nname = The Shop\n")
    refusals = start_trial(Subject(read_project(tmp_path)), CHECKS)()
    assert (refusals.findings, set(refusals.unknown)) == ({}, set(CHECKS.values()))


@pytest.mark.parametrize("used", ["settings", "development"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_trial_and_leaves_no_folder(
    number: int, used: str, tmp_path: Path
) -> None:
    """Also if the production settings are checked in a process of their own."""
    note, project, temporary = tmp_path / "note", tmp_path / "shop", tmp_path / "tmp"
    project.mkdir()
    temporary.mkdir()
    (project / "manage.py").write_text(MANAGE.format(used))
    (project / "settings.py").write_text(HANGING.format(note=note))
    (project / "development.py").write_text("from settings import *\n")
    (project / "deploykit.ini").write_text("[project]\nname = shop\nsettings = settings\n")
    start_repository(project)
    checking = subprocess.Popen(
        [sys.executable, "manage.py", "deploy_check", "--only", "E842"],
        cwd=project,
        env={"PATH": os.environ["PATH"], "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        until(lambda: note.exists() and note.read_text().endswith("\n"))
        assert list(temporary.iterdir()) != []
        checking.send_signal(number)
        _, errors = checking.communicate(timeout=25)  # the trial would take 30 s
    finally:
        checking.kill()
    assert (checking.returncode, "error: interrupted" in errors) == (2, True)
    assert list(temporary.iterdir()) == []
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)
