"""A check that cannot run hides nothing that other checks find."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from django_deploykit.checks.attempts import Attempts
from django_deploykit.checks.finding import Finding, NotChecked, Undecided
from django_deploykit.checks.offline import ConnectionNeededError

FOUND = Finding("x", id="deploykit.E101", level="ERROR")


def finds_then(error: BaseException) -> Callable[[], Iterator[Finding]]:
    """Return a check that finds something, and then raises."""

    def work() -> Iterator[Finding]:
        yield FOUND
        raise error

    return work


@pytest.mark.parametrize("error", [KeyError("NAME"), SystemExit("gone"), LookupError()])
@pytest.mark.parametrize("limit", [0.0, 30.0])
def test_an_exception_is_a_finding_of_its_own(
    error: BaseException, limit: float, tmp_path: Path
) -> None:
    attempts = Attempts(tmp_path)
    attempts.run("deploykit.W201", finds_then(error), limit)
    assert attempts.findings == [FOUND]
    (broken,) = attempts.iter_broken()
    text = f"{type(error).__name__}: {error}".strip(": ")
    assert broken.message == f"deploykit.W201 could not run: {text}"
    assert (broken.id, broken.level) == ("deploykit.E800", "ERROR")
    assert attempts.not_checked == [NotChecked("deploykit.W201", f"it could not run: {text}")]


def test_one_cause_is_one_finding(tmp_path: Path) -> None:
    attempts = Attempts(tmp_path)
    for number in range(5):
        attempts.run(f"check{number}", finds_then(KeyError("NAME")))
    attempts.run("other", finds_then(KeyError("HOST")))
    first, other = attempts.iter_broken()
    assert first.message == "check0, check1, check2 and 2 more could not run: KeyError: 'NAME'"
    assert other.message == "other could not run: KeyError: 'HOST'"


@pytest.mark.parametrize(
    ("reason", "hint"),
    [
        ("The SECRET_KEY setting must not be empty.", "environment = SECRET_KEY=build"),
        ("Set ROOT_URLCONF.", "run the checks again"),
    ],
)
def test_says_what_to_do_about_a_missing_key(reason: str, hint: str, tmp_path: Path) -> None:
    attempts = Attempts(tmp_path)
    attempts.run("x", finds_then(ImproperlyConfigured(reason)))
    (broken,) = attempts.iter_broken()
    assert hint in (broken.hint or "")


def test_names_the_line_of_the_project_that_raises(project: Path) -> None:
    (project / "own_broken.py").write_text("def work():\n    return 1 / 0\n", encoding="utf-8")
    attempts = Attempts(project)
    attempts.run("x", importlib.import_module("own_broken").work)
    (broken,) = attempts.iter_broken()
    assert (broken.path, broken.line) == ("own_broken.py", 2)


def test_shows_no_secret(tmp_path: Path) -> None:
    attempts = Attempts(tmp_path)
    text = "no host in redis://:hunter2@cache, nor with 7c2f-long"
    with override_settings(DATABASES={"default": {"PASSWORD": "7c2f-long"}}):
        attempts.run("x", finds_then(ValueError(text)))
    (broken,) = attempts.iter_broken()
    assert "no host in redis://:**********@cache, nor with **********" in broken.message


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Undecided("no value here"), "no value here"),
        (ConnectionNeededError(), "it connects to a service: --server"),
    ],
)
def test_what_cannot_be_decided_is_no_finding(
    error: Exception, reason: str, tmp_path: Path
) -> None:
    attempts = Attempts(tmp_path)
    attempts.run("x", finds_then(error))
    assert attempts.not_checked == [NotChecked("x", reason)]
    assert list(attempts.iter_broken()) == []


def test_a_check_that_does_not_end_could_not_run(tmp_path: Path) -> None:
    release = threading.Event()

    def hang() -> list[Finding]:
        release.wait(60)
        return []

    attempts = Attempts(tmp_path)
    attempts.run("x", hang, 0.05)
    release.set()
    (broken,) = attempts.iter_broken()
    assert broken.message == "x could not run: no answer within 0.05 s"
