"""The deploy lock of a site. The kernel releases it when the process that holds it ends."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import time
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Callable, Iterator, Optional

from .errors import LOCKED, DeployKitError
from .files import open_file, read_regular
from .lazy_dataclass import lazy_dataclass
from .moments import utc

_LONGEST_WORK = 3600.0  # seconds
_LONGEST_TEXT = 1 << 16  # bytes
_KINDS = {"str": (str,), "int": (int,), "float": (int, float)}


@lazy_dataclass(frozen=True)
class LockNote:
    """What a holder writes about itself.

    ``what`` is its work, ``time`` its start. A release writes its id as ``release``, its ``action``,
    and the size of the journal when it began, so that an interrupted one gets its record.
    """

    owner: str = ""
    what: str = ""
    action: str = ""
    release: str = ""
    pid: int = 0
    journal: int = 0
    time: float = 0.0


class LockedError(DeployKitError):
    """Another release holds the deploy lock."""

    def __init__(self, note: LockNote) -> None:
        super().__init__(
            f"another release holds the deploy lock: {describe(note)}",
            "Wait for it, or use --wait.",
            LOCKED,
        )


def describe(note: LockNote) -> str:
    """Return the lock's owner, its work and its start time as text."""
    since = f"{utc(note.time)} UTC"
    return f"{note.owner or 'somebody'}, {note.what or 'a release'}, since {since}"


@dataclass
class Holding:
    """The lock while it is held.

    ``left`` is what a holder wrote about itself that ended without clearing it: it was killed, or
    its controller was. ``lost`` is set if this holder's controller is gone.
    """

    left: LockNote
    lost: bool = False


@contextmanager
def hold(
    path: Path,
    note: LockNote,
    wait: float = 0.0,
    gone: Callable[[], bool] = lambda: False,
) -> Iterator[Holding]:
    """Hold the lock; wait up to ``wait`` seconds for it, then raise :class:`LockedError`.

    Waiting also ends when ``gone`` returns True because the caller has disconnected.
    """
    fd = open_file(path, os.O_RDWR | os.O_CREAT, 0o644)
    end = time.monotonic() + max(wait, 0.5)  # holder() also takes the lock for a moment
    try:
        while not _taken(fd):
            if time.monotonic() >= end or gone():
                raise LockedError(read_note(path))
            time.sleep(0.2)
        holding = Holding(read_note(path))
        _write(fd, json.dumps(asdict(replace(note, time=note.time or time.time()))))
        try:
            yield holding
        finally:
            if not holding.lost:
                _write(fd, "\n")
    finally:
        os.close(fd)


def until(note: LockNote) -> str:
    """Return what to wait for, as text."""
    return f"until process {note.pid or '?'} has ended: {note.what}"


@contextmanager
def exclusive(root: Path, what: str, waiting: Callable[[str], None]) -> Iterator[None]:
    """Be the only process that changes a site; wait for a process whose controller has died.

    ``waiting`` gets a text that names that process.
    """
    path = root / "switch.lock"
    other = holder(path)
    if other is not None:
        waiting(until(other))
    with hold(path, LockNote(what=what, pid=os.getpid()), _LONGEST_WORK):
        yield


def _write(fd: int, text: str) -> None:
    """Overwrite the file. It is never empty, so that it keeps its place on a full disk."""
    data = text.encode("utf-8")
    with suppress(OSError):  # the lock is held without a text, too
        os.pwrite(fd, data, 0)
        os.ftruncate(fd, len(data))


def _taken(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return False
        raise
    return True


def read_note(path: Path) -> LockNote:
    """Return what the holder wrote about itself into the lock file.

    The deploy user can write anything into it, so values of the wrong type are left out.
    """
    try:
        data = json.loads(read_regular(path, _LONGEST_TEXT))
    except (OSError, ValueError, RecursionError, DeployKitError):
        return LockNote()
    if not isinstance(data, dict):
        return LockNote()
    kinds = {one.name: _KINDS[str(one.type)] for one in fields(LockNote)}
    return LockNote(
        **{key: data[key] for key, kind in kinds.items() if type(data.get(key)) in kind}
    )


def left_by(path: Path) -> LockNote:
    """Return what a holder left that ended without clearing it; nothing while the lock is held."""
    return LockNote() if holder(path) is not None else read_note(path)


def holder(path: Path) -> Optional[LockNote]:
    """Return what the current holder wrote about itself, or None if nobody holds the lock."""
    try:
        fd = open_file(path)
    except OSError:
        return None
    try:
        return None if _taken(fd) else read_note(path)
    finally:
        os.close(fd)
