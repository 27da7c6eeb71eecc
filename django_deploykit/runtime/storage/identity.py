"""Whether files were changed since they were verified, found out without reading them.

A verified folder is identified by the names of its files, and by the inode, size, mode and
modification time of each, as git's index does it. Every write changes one of these. What they do
not show is a disk that returns other bytes, and a change by a program that sets the time back.
"""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import List, Sequence, Tuple

from ..base.files import read_bytes, write_and_replace

_TICK = 20_000_000  # nanoseconds; two writes within a tick of the kernel's clock have the same time
_LONGEST = 64  # bytes of a record


def is_untouched(folders: Sequence[Path], record: Path, top: Path) -> bool:
    """Whether the files below the folders are those that :func:`remember` recorded."""
    try:
        return read_bytes(record, _LONGEST, top=top).decode("ascii") == _identify(folders)[0]
    except (OSError, UnicodeDecodeError):
        return False


def identify(folders: Sequence[Path]) -> str:
    """Return what :func:`remember` records of the files below the folders.

    Waits for the next tick of the clock if one was written in this one: another change in the same
    tick could not be seen.
    """
    digest, newest = _identify(folders)
    left = newest + _TICK - time.time_ns()
    if 0 < left <= _TICK:
        time.sleep(left / 1e9)
        digest = _identify(folders)[0]
    return digest


def remember(record: Path, identified: str, top: Path) -> None:
    """Record files that are verified; ``identified`` is what they were before they were read."""
    write_and_replace(record, identified, top=top)


def _identify(folders: Sequence[Path]) -> Tuple[str, int]:
    """Return a digest of the files below the folders, and the time of the newest.

    Links are not followed: a link is identified as a file is. A missing folder is empty.
    """
    digest, newest = hashlib.sha256(), 0
    left = [str(folder) for folder in reversed(folders)]
    while left:
        path = left.pop()
        digest.update(b"%d\n" % len(left))
        below: List[str] = []
        try:
            found = sorted(os.scandir(path), key=lambda one: one.name)
        except FileNotFoundError:
            continue
        rows = []
        for one in found:
            if one.is_dir(follow_symlinks=False):
                below.append(one.path)
                rows.append(f"{one.name}\0")
                continue
            status = one.stat(follow_symlinks=False)
            newest = max(newest, status.st_mtime_ns)
            rows.append(
                f"{one.name}\0{status.st_ino}\0{status.st_size}\0{status.st_mode}"
                f"\0{status.st_mtime_ns}\0"
            )
        digest.update("".join(rows).encode("utf-8", "surrogateescape"))
        left += reversed(below)
    return digest.hexdigest(), newest
