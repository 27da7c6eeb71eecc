"""Temporary folders: removed however the block ends."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from django_deploykit.bundle.scratch import remove_abandoned, scratch, uninterrupted


def test_the_folder_is_private_and_removed(tmp_path: Path) -> None:
    with scratch(tmp_path) as folder:
        assert folder.parent == tmp_path
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "file").write_text("")
    assert list(tmp_path.iterdir()) == []


def strike(number: int) -> None:
    os.kill(os.getpid(), number)
    signal.pause()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_block_and_removes_the_folder(tmp_path: Path, number: int) -> None:
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), scratch(tmp_path):
        strike(number)
    assert list(tmp_path.iterdir()) == []
    assert signal.getsignal(number) == before


def test_a_signal_waits_for_the_end_of_uninterrupted_blocks(tmp_path: Path) -> None:
    done = []

    def work() -> None:
        with uninterrupted():
            with uninterrupted():
                signal.raise_signal(signal.SIGTERM)
            done.append("outer block")
        done.append("after it")

    with pytest.raises(KeyboardInterrupt), scratch(tmp_path):
        work()
    assert done == ["outer block"]
    assert list(tmp_path.iterdir()) == []


def test_a_signal_does_not_wait_for_the_block_of_another_thread(tmp_path: Path) -> None:
    inside, leave = threading.Event(), threading.Event()

    def work() -> None:
        with uninterrupted():
            inside.set()
            leave.wait()

    other = threading.Thread(target=work)
    other.start()
    try:
        assert inside.wait(60)
        with pytest.raises(KeyboardInterrupt), scratch(tmp_path):
            signal.raise_signal(signal.SIGTERM)
    finally:
        leave.set()
        other.join()


def test_an_error_passes_and_the_folder_is_removed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="mine"), scratch(tmp_path):
        raise ValueError("mine")
    assert list(tmp_path.iterdir()) == []


def test_removes_only_the_old_folders_of_killed_builds(tmp_path: Path) -> None:
    days = {".deploykit-old": 2, ".deploykit-new": 0, "other": 2}
    for name, age in days.items():
        (tmp_path / name / "venv").mkdir(parents=True)
        moment = time.time() - age * 24 * 3600
        os.utime(tmp_path / name, (moment, moment))
    remove_abandoned(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {".deploykit-new", "other"}
