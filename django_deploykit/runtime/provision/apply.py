"""Making the changes that setup planned, as root; below the deploy user's folders, as that user.

The deploy user can put a link anywhere in its own folders. So root never writes there: a process
that has become the deploy user does.
"""

from __future__ import annotations

import os
import pwd
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Callable, Dict

from ..base.configuration import fill
from ..base.errors import DeployKitError
from ..base.files import write_and_replace
from .plan import NOLOGIN, SUDOERS, Step


def apply(step: Step) -> None:
    """Make one change; raises :class:`DeployKitError` where it cannot be made."""
    _DO[step.kind](step)


def _login(step: Step) -> None:
    _call("useradd", "--create-home", "--shell", "/bin/bash", step.target)


def _account(step: Step) -> None:
    _call(
        *("useradd", "--system", "--user-group", "--no-create-home"),
        *("--home-dir", step.text, "--shell", NOLOGIN, step.target),
    )


def _folder(step: Step) -> None:
    """Make a folder whose parents are root's, or give root's to its owner; follows no link."""
    path = Path(step.target)
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.mkdir(path, 0o700)
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        account = pwd.getpwnam(step.owner)
        os.fchmod(handle, step.mode)
        os.fchown(handle, account.pw_uid, account.pw_gid)
    finally:
        os.close(handle)


def _file(step: Step) -> None:
    """Write root's file whole; sudo's rules are judged by sudo before they count."""
    path = Path(step.target)
    path.parent.mkdir(parents=True, exist_ok=True)

    def validate(temporary: Path) -> None:  # sudo itself ignores it: its name contains a dot
        if path.parent == SUDOERS:
            _call("visudo", "-cqf", str(temporary))

    write_and_replace(path, step.text, step.mode, sync=True, validate=validate)


def _secret(step: Step) -> None:
    """Create the configuration, once, with keys of its own."""
    handle = os.open(step.target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, step.mode)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(fill(step.text))


def _own(step: Step) -> None:
    _as_user(step.owner, lambda: _write_own(Path(step.target), step.text))


def _write_own(path: Path, text: str) -> None:
    for folder in (path.parent / "releases", path.parent / "store"):
        folder.mkdir(exist_ok=True)
    write_and_replace(path, text)


def _keys(step: Step) -> None:
    _as_user(step.owner, lambda: _append_keys(step.text))


def _append_keys(text: str) -> None:
    folder = Path(pwd.getpwuid(os.getuid()).pw_dir, ".ssh")
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / "authorized_keys"
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    if before and not before.endswith("\n"):
        before += "\n"
    write_and_replace(path, before + text, 0o600)


def _remove(step: Step) -> None:
    Path(step.target).unlink(missing_ok=True)


def _reload(step: Step) -> None:
    _call("systemctl", "daemon-reload")


def _rebind(step: Step) -> None:
    """A socket whose service runs does not start: everything stops, listens anew, comes back."""
    app = step.target
    _call("systemctl", "stop", f"{app}.service", f"{app}.socket")
    _call("systemctl", "start", f"{app}.socket", f"{app}.service")


def _enable(step: Step) -> None:
    _call("systemctl", "--quiet", "enable", step.target)


def _up(step: Step) -> None:
    _call("systemctl", "start", step.target)


def _call(*command: str) -> None:
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


def _as_user(name: str, work: Callable[[], None]) -> None:
    """Do some work in a process that has become that user for good."""
    account = pwd.getpwnam(name)
    groups = os.getgrouplist(name, account.pw_gid)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.setgroups(groups)
            os.setresgid(account.pw_gid, account.pw_gid, account.pw_gid)
            os.setresuid(account.pw_uid, account.pw_uid, account.pw_uid)
            os.umask(0o022)
            work()
            status = 0
        except BaseException as error:
            os.write(writer, str(error).encode("utf-8", "replace")[:2000])
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        problem = file.read().decode("utf-8", "replace")
    if os.waitpid(child, 0)[1]:
        raise DeployKitError(f"{name} could not do its part: {problem}")


_DO: Dict[str, Callable[[Step], None]] = {
    "login": _login,
    "account": _account,
    "folder": _folder,
    "file": _file,
    "secret": _secret,
    "own": _own,
    "keys": _keys,
    "remove": _remove,
    "reload": _reload,
    "rebind": _rebind,
    "enable": _enable,
    "up": _up,
}
