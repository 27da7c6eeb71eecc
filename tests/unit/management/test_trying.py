"""Trying a build in the background, and its errors as findings."""

from __future__ import annotations

from pathlib import Path

from django_deploykit.bundle.trial import Trial
from django_deploykit.checks.subject import Subject
from django_deploykit.errors import DeployKitError, Problems
from django_deploykit.management.trying import as_refusals, start_trial
from django_deploykit.preflight import CHECKS
from django_deploykit.project import Project, read_project


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
