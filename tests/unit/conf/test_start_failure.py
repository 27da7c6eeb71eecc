"""Why a project does not start: the place in the project's own files, and what to do."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from django_deploykit.conf.start_failure import StartFailure, in_settings, start_failure


def failure_of(work: Callable[[], object]) -> StartFailure:
    try:
        work()
    except (Exception, SystemExit) as error:
        failure = start_failure(error)
        assert failure is not None
        return failure
    raise AssertionError("nothing was raised")


def test_a_syntax_error_has_its_own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "settings.py"
    found = failure_of(lambda: compile("x = 1\ny ==\n", str(path), "exec"))
    assert str(found) == ("the project does not start: settings.py:2: SyntaxError: invalid syntax")


def test_the_place_is_the_last_of_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    library = tmp_path / "lib" / "python3.12" / "site-packages" / "some.py"
    names: dict[str, object] = {"__name__": "some"}
    exec(compile("def fail():\n    raise ValueError('no')\n", str(library), "exec"), names)
    code = compile("\n\nfail()\n", str(tmp_path / "settings.py"), "exec")
    found = failure_of(lambda: exec(code, names))
    assert (found.path, found.line, found.reason) == ("settings.py", 3, "ValueError: no")


def raises(error: BaseException) -> object:
    raise error


@pytest.mark.parametrize(
    ("work", "reason", "hint"),
    [
        (
            lambda: os.environ["NO_SUCH_VARIABLE"],
            "KeyError: 'NO_SUCH_VARIABLE'",
            "Set the environment variable NO_SUCH_VARIABLE",
        ),
        (lambda: raises(KeyError("x")), "KeyError: 'x'", "Correct it there."),
        (
            lambda: __import__("no_such_module"),
            "ModuleNotFoundError: No module named 'no_such_module'",
            "install what no_such_module belongs to",
        ),
        (lambda: raises(SystemExit(3)), "SystemExit: 3", "Settings must not end the program."),
        (lambda: raises(SystemExit()), "SystemExit", "Settings must not end the program."),
        (
            lambda: raises(ValueError("two\nlines  of postgres://u:pw@h/x")),
            "ValueError: two lines of postgres://**********@h/x",
            "Correct it there.",
        ),
    ],
)
def test_the_reason_is_one_line_and_the_hint_says_what_to_do(
    work: Callable[[], object], reason: str, hint: str
) -> None:
    found = failure_of(work)
    assert found.reason == reason
    assert hint in found.hint


def test_a_cause_is_part_of_the_reason() -> None:
    error = ValueError("no")
    error.__cause__ = OSError("disk")
    assert failure_of(lambda: raises(error)).reason == "ValueError: no (disk)"


def test_errors_after_the_settings_are_loaded_are_not_theirs() -> None:
    with pytest.raises(ValueError) as raised:
        raises(ValueError())
    assert not in_settings(raised.value)
