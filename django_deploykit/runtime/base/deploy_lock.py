"""The lock of a site: held by a living process, freed by the kernel when it ends."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, Optional

from .errors import LOCKED, DeployKitError

_LONGEST_WORK = 3600.0  # seconds


class LockedError(DeployKitError):
    """Another release holds the lock."""

    def __init__(self, owner: Dict[str, Any]) -> None:
        self.owner = owner
        super().__init__(
            f"another release holds the lock: {describe(owner)}",
            "Wait for it, or use --wait.",
            LOCKED,
        )


def describe(owner: Dict[str, Any]) -> str:
    """Return who holds a lock, in words."""
    since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(float(owner.get("time", 0))))
    return f"{owner.get('owner', 'somebody')}, {owner.get('what', 'a release')}, since {since}"


@contextmanager
def hold(
    path: Path,
    owner: Dict[str, Any],
    wait: float = 0.0,
    gone: Callable[[], bool] = lambda: False,
) -> Iterator[None]:
    """Hold the lock; waits up to ``wait`` seconds for it, else raises :class:`LockedError`.

    The waiting ends too when ``gone`` says that nobody is left to hold it for.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    end = time.monotonic() + max(wait, 0.5)  # holder() takes it for a moment
    try:
        while not _taken(fd):
            if time.monotonic() >= end or gone():
                raise LockedError(read_owner(path))
            time.sleep(0.2)
        os.ftruncate(fd, 0)
        os.pwrite(fd, json.dumps({"time": time.time(), **owner}).encode("utf-8"), 0)
        try:
            yield
        finally:
            os.ftruncate(fd, 0)
    finally:
        os.close(fd)


@contextmanager
def alone(root: Path, what: str, waiting: Callable[[str], None]) -> Iterator[None]:
    """Be the only process that changes a site; wait for one that is left over from a dead controller.

    ``waiting`` gets the text that says what is waited for.
    """
    path = root / "switch.lock"
    other = holder(path)
    if other is not None:
        waiting(f"until process {other.get('pid', '?')} has ended: {other.get('what')}")
    with hold(path, {"what": what, "pid": os.getpid()}, _LONGEST_WORK):
        yield


def _taken(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return False
        raise
    return True


def read_owner(path: Path) -> Dict[str, Any]:
    """Return what the holder wrote of itself."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def holder(path: Path) -> Optional[Dict[str, Any]]:
    """Return who holds the lock now, or None."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return None if _taken(fd) else read_owner(path)
    finally:
        os.close(fd)
