"""The deploy lock of a site. The kernel releases it when the process that holds it ends."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, Optional

from .errors import LOCKED, DeployKitError
from .files import open_file, read_regular
from .moments import utc

_LONGEST_WORK = 3600.0  # seconds
_LONGEST_TEXT = 1 << 16  # bytes
# What a holder writes about itself.
_KINDS = {
    **dict.fromkeys(("owner", "what", "action", "release"), (str,)),
    **dict.fromkeys(("pid", "journal"), (int,)),
    "time": (int, float),
}


class LockedError(DeployKitError):
    """Another release holds the deploy lock."""

    def __init__(self, owner: Dict[str, Any]) -> None:
        self.owner = owner
        super().__init__(
            f"another release holds the deploy lock: {describe(owner)}",
            "Wait for it, or use --wait.",
            LOCKED,
        )


def describe(owner: Dict[str, Any]) -> str:
    """Return the lock's owner, its work and its start time as text."""
    since = f"{utc(owner.get('time', 0))} UTC"
    return f"{owner.get('owner', 'somebody')}, {owner.get('what', 'a release')}, since {since}"


@dataclass
class Holding:
    """The lock while it is held.

    ``left`` is what a holder wrote about itself that ended without clearing it: it was killed, or
    its controller was. ``lost`` is set if this holder's controller is gone.
    """

    left: Dict[str, Any]
    lost: bool = False


@contextmanager
def hold(
    path: Path,
    owner: Dict[str, Any],
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
                raise LockedError(read_owner(path))
            time.sleep(0.2)
        holding = Holding(read_owner(path))
        _write(fd, json.dumps({"time": time.time(), **owner}))
        try:
            yield holding
        finally:
            if not holding.lost:
                _write(fd, "\n")
    finally:
        os.close(fd)


def until(owner: Dict[str, Any]) -> str:
    """Return what to wait for, as text."""
    return f"until process {owner.get('pid', '?')} has ended: {owner.get('what')}"


@contextmanager
def exclusive(root: Path, what: str, waiting: Callable[[str], None]) -> Iterator[None]:
    """Be the only process that changes a site; wait for a process whose controller has died.

    ``waiting`` gets a text that names that process.
    """
    path = root / "switch.lock"
    other = holder(path)
    if other is not None:
        waiting(until(other))
    with hold(path, {"what": what, "pid": os.getpid()}, _LONGEST_WORK):
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


def read_owner(path: Path) -> Dict[str, Any]:
    """Return what the holder wrote about itself into the lock file.

    The deploy user can write anything into it, so values of the wrong type are left out.
    """
    try:
        data = json.loads(read_regular(path, _LONGEST_TEXT))
    except (OSError, ValueError, RecursionError, DeployKitError):
        return {}
    if not isinstance(data, dict):
        return {}
    return {key: data[key] for key, kind in _KINDS.items() if type(data.get(key)) in kind}


def left_by(path: Path) -> Dict[str, Any]:
    """Return what a holder left that ended without clearing it; nothing while the lock is held."""
    return {} if holder(path) is not None else read_owner(path)


def holder(path: Path) -> Optional[Dict[str, Any]]:
    """Return what the current holder wrote about itself, or None if nobody holds the lock."""
    try:
        fd = open_file(path)
    except OSError:
        return None
    try:
        return None if _taken(fd) else read_owner(path)
    finally:
        os.close(fd)
