"""The owner of a site's folder. Root becomes that user before it works there.

The owner can put a link or a pipe anywhere in the folder, so root must not open anything there.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Dict, List, Mapping, NamedTuple, NoReturn, Sequence

from .errors import DeployKitError

# Variables that stay when root becomes another user; HOME and the like become that user's.
_KEPT = ("PATH", "TERM", "LANG", "LANGUAGE", "TZ", "COLUMNS", "LINES", "NO_COLOR")


class Account(NamedTuple):
    """A user of this machine."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str


def user_name(uid: int) -> str:
    """Return the name of a user, or its number if it has no account."""
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def owner_of(folder: Path) -> Account:
    """Return the owner of a folder; raises :class:`OSError` if the folder is missing.

    The owner may have no account, for example in a container with a mounted folder.
    """
    import pwd

    status = os.stat(folder)
    try:
        found = pwd.getpwuid(status.st_uid)
    except KeyError:
        return Account(str(status.st_uid), status.st_uid, status.st_gid, "/", "/bin/sh")
    return Account(found.pw_name, found.pw_uid, found.pw_gid, found.pw_dir, found.pw_shell)


def become_owner(folder: Path, needed: Sequence[str]) -> None:
    """If this process is root, become the owner of ``folder``, for good; do nothing for others.

    A missing folder, or one of root's, has no other owner. ``needed`` are the paths of files that
    the owner must be able to read. Raises :class:`DeployKitError`.
    """
    if os.geteuid() != 0:
        return
    try:
        owner = owner_of(folder)
    except FileNotFoundError:
        return
    if owner.uid == 0:
        return
    try:
        os.setgroups(_groups(owner))
        os.setgid(owner.gid)
        os.setuid(owner.uid)
    except PermissionError as error:
        raise DeployKitError(
            f"root cannot become {owner.name}, the owner of {folder}: {error.strerror}",
            f"Run this as {owner.name}.",
        ) from None
    os.umask(0o022)
    os.chdir("/")  # the owner may not enter root's folder
    changed = environment(os.environ, owner)
    os.environ.clear()
    os.environ.update(changed)
    for path in needed:
        if not os.access(path, os.R_OK):
            _refuse_unreadable(path, folder, owner)


def environment(env: Mapping[str, str], owner: Account) -> Dict[str, str]:
    """Return the environment of a process that becomes ``owner``.

    >>> owner = Account("deploy", 1000, 1000, "/home/deploy", "/bin/bash")
    >>> sorted(environment({"HOME": "/root", "LC_ALL": "C", "DEBUG": "1"}, owner))
    ['HOME', 'LC_ALL', 'LOGNAME', 'SHELL', 'USER']
    """
    kept = {key: value for key, value in env.items() if key in _KEPT or key.startswith("LC_")}
    return {
        **kept,
        "HOME": owner.home,
        "USER": owner.name,
        "LOGNAME": owner.name,
        "SHELL": owner.shell,
    }


def _groups(owner: Account) -> List[int]:
    if owner.name == str(owner.uid):
        return [owner.gid]
    return os.getgrouplist(owner.name, owner.gid)


def _refuse_unreadable(path: str, folder: Path, owner: Account) -> NoReturn:
    target = os.path.join(owner.home, os.path.basename(path))
    copy = shlex.join(["install", "-m", "755", path, target])
    raise DeployKitError(
        f"in {folder}, root works as its owner, {owner.name}, who cannot read {path}",
        f"Copy the file to where {owner.name} can read it, and run it there: {copy}",
    )
