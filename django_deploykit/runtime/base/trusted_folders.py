"""Folders in which nobody but root and this user can replace files.

``sudo -E``, or the environment of a service, may name folders of another user in HOME,
XDG_CACHE_HOME or TMPDIR. That user could replace a program there before root runs it.
"""

from __future__ import annotations

import os
import stat
from typing import MutableMapping


def is_trusted(path: str) -> bool:
    """Whether only root and this user can change what an absolute path names.

    Every folder and link on the way must belong to one of them. Others may write to a folder only
    if it is like /tmp, whose files they cannot rename. A missing path is trusted if its parent is.
    A bundle's ``__main__.py`` has a copy.
    """
    owners = (0, os.getuid(), os.stat("/").st_uid)  # a container may show root as somebody else
    here, parts, links = "/", path.split("/"), 0
    while parts:
        part = parts.pop(0)
        if part == "..":
            here = os.path.dirname(here)
            continue
        found = os.path.join(here, part) if part else here
        try:
            status = os.lstat(found)
        except OSError:
            return True
        if status.st_uid not in owners:
            return False
        if stat.S_ISLNK(status.st_mode):
            target, links = os.readlink(found), links + 1
            if links > 40:
                return False
            here = "/" if target.startswith("/") else here
            parts = target.split("/") + parts
            continue
        if status.st_mode & 0o022 and not status.st_mode & stat.S_ISVTX:
            return False
        here = found
    return True


def make_folders(path: str) -> None:
    """Create a folder and those on the way to it, so that only this user can write to them."""
    if not os.path.isdir(path):
        make_folders(os.path.dirname(path))
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:
            if not os.path.isdir(path):
                raise


def is_root() -> bool:
    """Whether this process is root; never on Windows, where deploy_check runs, too."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def forget_untrusted(env: MutableMapping[str, str]) -> None:
    """If this process is root, remove variables that name a folder which another user can change.

    Temporary files and caches are then in the usual places.
    """
    if not is_root():
        return
    for name in ("TMPDIR", "TEMP", "TMP", "XDG_CACHE_HOME"):
        if name in env and not is_trusted(os.path.abspath(env[name])):
            del env[name]
