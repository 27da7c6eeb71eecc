"""Programs of a build: their output, and their end."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from django_deploykit.bundle.subprocesses import Stopper, run_program
from tests.waiting import until

ENV = {"PATH": os.defpath}


def test_returns_output_and_errors(tmp_path: Path) -> None:
    done = run_program(["sh", "-c", "pwd; echo bad >&2; exit 3"], tmp_path, ENV)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (3, str(tmp_path), "bad\n")


def test_runs_a_string_by_the_shell_and_merges_errors(tmp_path: Path) -> None:
    done = run_program("echo good; echo bad >&2", tmp_path, ENV, merge=True)
    assert (done.stdout, done.stderr) == ("good\nbad\n", "")


def test_gives_no_input_and_only_the_given_variables(tmp_path: Path) -> None:
    done = run_program("cat; env", tmp_path, {**ENV, "ONE": "1"})
    names = {line.partition("=")[0] for line in done.stdout.splitlines()}
    assert names - {"PWD", "SHLVL", "_", "OLDPWD"} == {"PATH", "ONE"}


def test_an_interrupt_ends_the_program_and_its_children(tmp_path: Path) -> None:
    note = tmp_path / "pid"

    def interrupt() -> None:
        until(lambda: note.exists() and note.read_text().strip())
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        run_program(f"trap '' TERM; sleep 600 & echo $! > {note}; wait; wait", tmp_path, ENV)
    thread.join()
    state = Path(f"/proc/{note.read_text().strip()}/stat")
    until(lambda: not state.exists() or state.read_text().rpartition(")")[2].split()[0] in "ZX")


def test_another_thread_can_end_a_program(tmp_path: Path) -> None:
    stopper, note = Stopper(), tmp_path / "started"

    def stop() -> None:
        until(note.exists)
        stopper.stop()

    thread = threading.Thread(target=stop)
    thread.start()
    done = run_program(f"touch {note}; sleep 600 & wait", tmp_path, ENV, stopper=stopper)
    thread.join()
    assert done.returncode == -signal.SIGKILL
    late = run_program("sleep 600", tmp_path, ENV, stopper=stopper)  # it was stopped before
    assert late.returncode == -signal.SIGKILL
