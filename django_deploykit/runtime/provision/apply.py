"""Makes the changes that setup or remove planned, as root, but as the deploy user in that user's folders.

The deploy user can put a link anywhere in its own folders. So root never writes to them; a process
of the deploy user does.
"""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, List, Sequence

from ..base.configuration import create
from ..base.errors import DeployKitError
from ..base.files import write_and_replace
from ..storage.interpreter import copy_interpreter
from .ownership import give_back, links_are_protected
from .plan import NOLOGIN, SUDOERS, Action

# Scripts for the deploy user: write standard input to site.json in the folder $1, or add it to
# .ssh/authorized_keys in the home folder $1.
_WRITE_SITE = """\
set -e; umask 022; cd "$1"; mkdir -p releases store
temporary=$(mktemp .site.json-XXXXXXXX); chmod 644 "$temporary"
cat >"$temporary"; mv -fT "$temporary" site.json
"""
_ADD_KEYS = """\
set -e; umask 077; mkdir -p "$1/.ssh"; cd "$1/.ssh"; temporary=$(mktemp .authorized_keys-XXXXXXXX)
if [ -f authorized_keys ]; then cat authorized_keys >"$temporary"; fi
if [ -n "$(tail -c1 "$temporary" 2>/dev/null)" ]; then echo >>"$temporary"; fi
cat >>"$temporary"; mv -fT "$temporary" authorized_keys
"""


def run(*command: str) -> None:
    """Run a command as root; raises :class:`DeployKitError` with its output if it fails."""
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        raise DeployKitError(
            f"`{' '.join(command)}` failed with exit code {done.returncode}", done.stdout.strip()
        )


def run_as(user: str, script: str, text: str, argument: str) -> None:
    """Run a shell script as a user, with ``text`` as its standard input and ``$1`` as its argument."""
    account = pwd.getpwnam(user)
    done = subprocess.run(
        ["/bin/sh", "-c", script, "sh", argument],
        input=text.encode("utf-8"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={"PATH": "/usr/bin:/bin"},
        cwd="/",
        user=account.pw_uid,
        group=account.pw_gid,
        extra_groups=os.getgrouplist(user, account.pw_gid),
    )
    if done.returncode:
        problem = done.stdout.decode("utf-8", "replace").strip()
        raise DeployKitError(f"{user} cannot write its files: {problem}")


def unit_log(unit: str) -> List[str]:
    """Return the last lines of a unit's log, such as why it did not start."""
    words = ("journalctl", "--no-pager", "--quiet", "--output=cat", "--lines=5", f"--unit={unit}")
    done = subprocess.run(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace"
    )
    return done.stdout.splitlines()


@dataclass(frozen=True)
class Effects:
    """Makes changes other than files: by commands as root, and by scripts as another user.

    ``log`` returns the last lines of a unit's log.
    """

    run: Callable[..., None] = run
    run_as: Callable[[str, str, str, str], None] = run_as
    log: Callable[[str], Sequence[str]] = unit_log


def apply(action: Action, effects: Effects = Effects()) -> None:
    """Make one change; raises :class:`DeployKitError` if it fails."""
    if action.kind in _COMMANDS:
        for command in _COMMANDS[action.kind](action):
            try:
                effects.run(*command)
            except DeployKitError as error:
                if command[:2] == ("systemctl", "start"):
                    error.hint = "\n".join([error.hint, *effects.log(command[-1])])
                raise
    else:
        _CHANGES[action.kind](action, effects)


def _folder(action: Action, effects: Effects) -> None:
    """Create a folder below root's folders, or change the owner of a folder of root's.

    Links are not followed.
    """
    path = Path(action.target)
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.mkdir(path, 0o700)
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        account = pwd.getpwnam(action.owner)
        os.fchmod(handle, action.mode)
        os.fchown(handle, account.pw_uid, account.pw_gid)
    finally:
        os.close(handle)


def _file(action: Action, effects: Effects) -> None:
    """Write a file of root's; visudo checks sudo rules before they take effect."""
    path = Path(action.target)
    path.parent.mkdir(parents=True, exist_ok=True)

    def validate(temporary: Path) -> None:  # sudo ignores this file because its name contains a dot
        if path.parent == SUDOERS:
            effects.run("visudo", "-cqf", str(temporary))

    write_and_replace(path, action.text, action.mode, sync=True, validate=validate)


def _give(action: Action, effects: Effects) -> None:
    account = pwd.getpwnam(action.owner)
    give_back(Path(action.target), account.pw_uid, account.pw_gid, links_are_protected())


def _python(action: Action, effects: Effects) -> None:
    """Replace root's copy of a bundle's Python. A file that is not the bundle's is refused."""
    store, digest = action.text.split("\n")
    copy_interpreter(Path(store), digest, Path(action.target))


def _secret(action: Action, effects: Effects) -> None:
    """Create the configuration, only once, with new secret keys."""
    create(Path(action.target), action.text, action.mode)


def _own(action: Action, effects: Effects) -> None:
    effects.run_as(action.owner, _WRITE_SITE, action.text, str(Path(action.target).parent))


def _keys(action: Action, effects: Effects) -> None:
    home = pwd.getpwnam(action.owner).pw_dir
    effects.run_as(action.owner, _ADD_KEYS, action.text, home)


def _remove(action: Action, effects: Effects) -> None:
    Path(action.target).unlink(missing_ok=True)


def _tree(action: Action, effects: Effects) -> None:
    """Remove a folder; a link in it is removed, not followed.

    Python's ``rmtree`` fails if the deploy user has nested folders deeply.
    """
    try:
        effects.run("rm", "-rf", "--one-file-system", "--", action.target)
    except DeployKitError as error:
        raise DeployKitError(
            f"{action.target} cannot be removed: {error.hint}",
            "End what uses it, then run the same command again.",
        ) from None


def _cache(action: Action, effects: Effects) -> None:
    effects.run_as(action.owner, 'rm -rf -- "$1"', "", action.target)


def _line(action: Action, effects: Effects) -> None:
    """Remove a line from a file of root's."""
    path = Path(action.target)
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    left = "".join(line for line in lines if line.strip() != action.text)
    write_and_replace(path, left, stat.S_IMODE(path.stat().st_mode), sync=True)


def _empty(action: Action, effects: Effects) -> None:
    with suppress(OSError):
        os.rmdir(action.target)


_CHANGES: Dict[str, Callable[[Action, Effects], None]] = {
    "folder": _folder,
    "file": _file,
    "python": _python,
    "secret": _secret,
    "own": _own,
    "give": _give,
    "keys": _keys,
    "remove": _remove,
    "tree": _tree,
    "cache": _cache,
    "line": _line,
    "empty": _empty,
}


def _tolerant(*command: str) -> Sequence[str]:
    """Return a command that never fails: what it is for may not be there."""
    return ("/bin/sh", "-c", '"$@" || true', "sh", *command)


_LOAD_PROFILE = """\
if [ -e /sys/kernel/security/apparmor/profiles ]; then exec apparmor_parser --replace "$1"; fi
"""
_SYSTEM_ACCOUNT = ("useradd", "--system", "--user-group", "--no-create-home", "--shell", NOLOGIN)
_COMMANDS: Dict[str, Callable[[Action], Sequence[Sequence[str]]]] = {
    "login": lambda one: [
        ("useradd", "--create-home", "--shell", "/bin/bash", "--comment", one.text, one.target)
    ],
    "nologin": lambda one: [
        (*_SYSTEM_ACCOUNT, "--home-dir", "/nonexistent", "--comment", one.text, one.target)
    ],
    "account": lambda one: [(*_SYSTEM_ACCOUNT, "--home-dir", one.text, one.target)],
    "reload": lambda _: [("systemctl", "daemon-reload")],
    # A kernel without AppArmor loads nothing. At boot, the system's own service loads the file.
    "profile": lambda one: [("/bin/sh", "-c", _LOAD_PROFILE, "sh", one.target)],
    "unprofile": lambda one: [
        _tolerant("apparmor_parser", "--remove", one.target),
        ("rm", "-f", "--", one.target),
    ],
    # A socket cannot start while its service runs, so everything is stopped first.
    "rebind": lambda one: [
        ("systemctl", "stop", f"{one.target}.service", f"{one.target}.socket"),
        ("systemctl", "start", f"{one.target}.socket", f"{one.target}.service"),
    ],
    "enable": lambda one: [("systemctl", "--quiet", "enable", one.target)],
    "up": lambda one: [("systemctl", "start", one.target)],
    "halt": lambda one: [
        ("systemctl", "stop", *one.text.split("\n")),
        _tolerant("systemctl", "--quiet", "reset-failed", *one.text.split("\n")),
    ],
    "disable": lambda one: [("systemctl", "--quiet", "disable", one.target)],
    "refresh": lambda one: [_tolerant("systemctl", "try-reload-or-restart", one.target)],
    "keep": lambda one: [
        ("chown", "--recursive", "--no-dereference", "root:root", one.target),
        ("chmod", "0700", one.target),
    ],
    "unuser": lambda one: [("userdel", one.target)],
    "unlogin": lambda one: [
        _tolerant("systemctl", "stop", f"user-{one.text}.slice"),
        ("userdel", "--remove", one.target),
    ],
}
