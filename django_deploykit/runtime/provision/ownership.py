"""Gives the files of root in the deploy user's folder back to that user, as root.

They are left by commands that ran as root there. The deploy user can put links into the folder
and move things while this runs, so every change is made through a descriptor or to a link itself.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Iterator, Tuple

from ..base.opening import open_folder, open_regular

_DEEPEST = 200  # folders below the site's; a path in a release has at most 100 parts
_PROTECTED = Path("/proc/sys/fs/protected_hardlinks")


def links_are_protected(path: Path = _PROTECTED) -> bool:
    """Whether the kernel keeps users from making hard links to files of others.

    If not, a file of root's in a user's folder may be a second name of any file of root's.
    """
    try:
        return path.read_text(encoding="ascii").strip() == "1"
    except OSError:
        return False


def has_files_of_root(top: Path, protected: bool) -> bool:
    """Whether :func:`give_back` would change something."""
    return any(True for _ in _iter_files_of_root(top, protected))


def give_back(top: Path, uid: int, gid: int, protected: bool) -> None:
    """Change the owner of what belongs to root below ``top``. No link is followed."""
    for folder, handle, name in _iter_files_of_root(top, protected):
        with suppress(FileNotFoundError):
            _give(folder, handle, name, uid, gid, protected)


def _give(folder: str, handle: int, name: str, uid: int, gid: int, protected: bool) -> None:
    mode = os.stat(name, dir_fd=handle, follow_symlinks=False).st_mode
    if stat.S_ISDIR(mode):
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        opened = os.open(name, flags, dir_fd=handle)
    elif stat.S_ISREG(mode):
        opened = open_regular(folder, name, inside=handle)
    else:  # a link or a pipe: without protection it is not given, as it has no descriptor
        os.chown(name, uid, gid, dir_fd=handle, follow_symlinks=False)
        return
    try:
        if _is_given(os.fstat(opened), protected):
            os.fchown(opened, uid, gid)
    finally:
        os.close(opened)


def _iter_files_of_root(top: Path, protected: bool) -> Iterator[Tuple[str, int, str]]:
    """Yield folders, their descriptors, and names in them."""
    with suppress(FileNotFoundError):
        device = os.lstat(top).st_dev
        handle = open_folder(str(top.parent), top.name)
        for folder, inside, name, status in _iter_files(str(top), handle, device, _DEEPEST):
            if _is_given(status, protected):
                yield folder, inside, name


def _iter_files(
    folder: str, handle: int, device: int, depth: int
) -> Iterator[Tuple[str, int, str, os.stat_result]]:
    """Yield the files and folders below an open folder, which is closed at the end.

    Other file systems are left out, and what is more than ``depth`` folders below: each one needs a
    descriptor, and nothing of a release is that deep. ``os.fwalk`` would open a link or a pipe that
    takes the place of a folder.
    """
    try:
        names = os.listdir(handle) if os.fstat(handle).st_dev == device else []
        for name in names:
            with suppress(FileNotFoundError):
                status = os.stat(name, dir_fd=handle, follow_symlinks=False)
                yield folder, handle, name, status
                if stat.S_ISDIR(status.st_mode) and depth > 0:
                    with suppress(OSError):
                        inside = open_folder(folder, name, handle)
                        below = os.path.join(folder, name)
                        yield from _iter_files(below, inside, device, depth - 1)
    finally:
        os.close(handle)


def _is_given(status: os.stat_result, protected: bool) -> bool:
    single = stat.S_ISREG(status.st_mode) and status.st_nlink == 1
    return status.st_uid == 0 and (protected or single or stat.S_ISDIR(status.st_mode))
