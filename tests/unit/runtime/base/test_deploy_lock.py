"""The lock of a site: one holder, who is named, and gone with its process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from django_deploykit.runtime.base import deploy_lock
from django_deploykit.runtime.base.deploy_lock import (
    LockedError,
    LockNote,
    describe,
    hold,
    holder,
    left_by,
    read_note,
)
from django_deploykit.runtime.base.errors import LOCKED

HOLD = """
import sys, time
from pathlib import Path
from django_deploykit.runtime.base.deploy_lock import LockNote, hold
with hold(Path(sys.argv[1]), LockNote(owner="ann@laptop", what="releasing ab12cd3")):
    print("held", flush=True)
    time.sleep(60)
"""


def test_is_free_before_and_after(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert holder(path) is None
    with hold(path, LockNote(owner="ann", what="x")):
        found = holder(path)
        assert found is not None
        assert found.owner == "ann"
    assert holder(path) is None
    assert read_note(path) == LockNote()


def test_a_holder_whose_controller_is_gone_leaves_what_it_did(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with hold(path, LockNote(owner="ann", release="a")) as lock:
        assert lock.left == LockNote()
        assert left_by(path) == LockNote()  # it is held
        lock.lost = True
    assert (left_by(path).owner, left_by(path).release) == ("ann", "a")
    with hold(path, LockNote(owner="bert")) as lock:
        assert lock.left.owner == "ann"
    assert left_by(path) == LockNote()


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_a_lock_that_is_not_a_file_is_neither_held_nor_emptied(tmp_path: Path, kind: str) -> None:
    path, other = tmp_path / "lock", tmp_path / "other"
    other.write_text("kept")
    if kind == "link":
        path.symlink_to(other)
    else:
        os.mkfifo(path)
    assert holder(path) is None
    assert read_note(path) == LockNote()
    with pytest.raises(OSError, match=r"is a link|not a regular file"), hold(path, LockNote()):
        pass
    assert other.read_text() == "kept"


def test_is_free_again_after_an_error_inside(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with pytest.raises(ZeroDivisionError), hold(path, LockNote()):
        raise ZeroDivisionError
    with hold(path, LockNote()):
        pass


def test_a_second_holder_is_refused_and_told_who_and_what(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with (
        hold(path, LockNote(owner="ann@laptop", what="releasing ab12cd3", time=1e9)),
        pytest.raises(LockedError) as caught,
        hold(path, LockNote(owner="bob")),
    ):
        pass
    assert caught.value.exit_code == LOCKED
    for part in ("ann@laptop", "releasing ab12cd3", "2001-09-09 01:46:40 UTC"):
        assert part in caught.value.message
    assert "--wait" in caught.value.hint


def test_waiting_lasts_as_long_as_it_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, slept = tmp_path / "lock", list[float]()
    clock = SimpleNamespace(time=time.time, monotonic=lambda: sum(slept), sleep=slept.append)
    with hold(path, LockNote()):
        monkeypatch.setattr(deploy_lock, "time", clock)
        with pytest.raises(LockedError), hold(path, LockNote(), wait=10.0):
            pass
    assert 10 <= sum(slept) < 11


def test_the_lock_goes_with_its_process_even_when_that_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with subprocess.Popen([sys.executable, "-c", HOLD, path], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        found = holder(path)
        assert found is not None
        assert found.what == "releasing ab12cd3"
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert holder(path) is None
        with hold(path, LockNote()):
            pass


def test_looking_who_holds_it_does_not_take_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.touch()
    for _ in range(3):
        assert holder(path) is None
    with hold(path, LockNote()):
        pass


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "[]", "\x00", "[" * 100_000, " " * (1 << 20)),
        '{"owner": ["x"], "what": null, "time": "x", "pid": "1; id", "more": 1}',
    ],
    ids=range(7),
)
def test_an_owner_that_cannot_be_read_is_somebody(tmp_path: Path, text: str) -> None:
    path = tmp_path / "lock"
    path.write_text(text)
    assert read_note(path) == LockNote()
    assert "somebody" in describe(read_note(path))


@pytest.mark.parametrize("time", ["NaN", "1e300", "-1e18", "1" + "0" * 400])
def test_a_time_that_no_calendar_has_is_unknown(tmp_path: Path, time: str) -> None:
    path = tmp_path / "lock"
    path.write_text(f'{{"owner": "ann", "time": {time}}}')
    assert "ann, a release, since an unknown time" in LockedError(read_note(path)).message
