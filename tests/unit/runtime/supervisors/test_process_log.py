"""The exception that ended a process is found in its log."""

from __future__ import annotations

import subprocess
import sys

import pytest

from django_deploykit.runtime.supervisors.process_log import exception_in, process_error

FRAME = '  File "/srv/shop/releases/20261101T000000-aaaaaaa/app/shop/urls.py", line 3, in <module>'
WORKER = [
    "[2026-11-01 10:00:00 +0000] [7] [ERROR] Exception in worker process",
    "Traceback (most recent call last):",
    '  File "/usr/lib/python3/importlib/__init__.py", line 90, in import_module',
    "    return _bootstrap._gcd_import(name)",
    FRAME,
    "    import nothing",
    "ModuleNotFoundError: No module named 'nothing'",
    "[2026-11-01 10:00:00 +0000] [7] [INFO] Worker exiting (pid: 7)",
]
ARBITER = [
    "Traceback (most recent call last):",
    '  File "/srv/x/lib/gunicorn/arbiter.py", line 209, in run',
    "gunicorn.errors.HaltServer: <HaltServer 'Worker failed to boot.' 3>",
]
CAUSE = "ModuleNotFoundError: No module named 'nothing' (shop/urls.py:3)"


@pytest.mark.parametrize(
    "lines", [WORKER, [*WORKER, *ARBITER], [*ARBITER, *WORKER], [f"  {line}" for line in WORKER]]
)
def test_the_cause_is_the_workers_not_the_servers(lines: list[str]) -> None:
    assert exception_in(lines) == CAUSE


def test_the_last_one_counts() -> None:
    later = ["Traceback (most recent call last):", FRAME, "KeyError: 'SECRET'"]
    assert exception_in([*WORKER, *later]) == "KeyError: 'SECRET' (shop/urls.py:3)"


@pytest.mark.parametrize("lines", [[], ["Listening at: x"], WORKER[:5], ["KeyError: 'x'"]])
def test_a_log_without_a_whole_traceback_has_no_exception(lines: list[str]) -> None:
    assert exception_in(lines) == ""


def test_python_itself_is_understood() -> None:
    code = "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    raise ValueError('no\\nluck') from error"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert exception_in(done.stderr.splitlines()) == "ValueError: no (<string>:4)"
    done = subprocess.run([sys.executable, "-c", "x = = 1"], capture_output=True, text=True)
    assert exception_in(["Traceback (most recent call last):", *done.stderr.splitlines()]) == (
        "SyntaxError: invalid syntax (<string>:1)"
    )


def test_the_exception_is_in_the_first_line_and_the_log_in_the_hint() -> None:
    error = process_error("web did not start", ["old"] * 300 + WORKER + ["later"] * 70)
    assert error.message == f"web did not start; the last exception in its log: {CAUSE}"
    assert error.hint.splitlines() == ["Its last lines:", *["  later"] * 60]


def test_without_a_log_there_is_another_hint() -> None:
    error = process_error("web did not start", [], "sudo failed")
    assert (error.message, error.hint) == ("web did not start", "sudo failed")
