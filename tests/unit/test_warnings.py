"""Warnings of the tests: which of them fail a run, and which are not shown."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from django.utils.deprecation import RemovedAfterNextVersionWarning, RemovedInNextVersionWarning

from tests.projects import ROOT

# As Python 3.12 and newer say it.
FORKS = "This process (pid=7) is multi-threaded, use of fork() may lead to deadlocks in the child."


@pytest.mark.parametrize(("text", "code"), [(FORKS, 1), ("Another one.", 0)])
def test_a_fork_of_threads_fails_the_run_and_another_warning_does_not(
    text: str, code: int, tmp_path: Path
) -> None:
    (tmp_path / "none.ini").touch()
    path = tmp_path / "test_it.py"
    path.write_text(f"import warnings\ndef test_forks():\n    warnings.warn({text!r})\n")
    words = ("-q", "-p", "tests.conftest", "-p", "no:cacheprovider", "-p", "no:django")
    line = [sys.executable, "-m", "pytest", *words, "-c", str(tmp_path / "none.ini"), str(path)]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True)
    assert "1 passed, 1 warning" in done.stdout
    assert ("forked a process with several threads" in done.stdout) == bool(code)
    assert done.returncode == code


@pytest.mark.parametrize("kind", [RemovedInNextVersionWarning, RemovedAfterNextVersionWarning])
def test_what_django_deprecates_is_not_shown(kind: type[Warning]) -> None:
    with warnings.catch_warnings(record=True) as found:
        warnings.warn("use another", kind, stacklevel=1)
    assert found == []
