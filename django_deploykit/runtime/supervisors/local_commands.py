"""The commands of releases that run on this machine, known also after their caller was killed.

Each has a file in the site's private folder, and holds its lock through a descriptor that it
inherits. The kernel releases the lock when the command and the programs that it started have ended.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Dict, List, NamedTuple, Sequence, Set

from ..base.errors import DeployKitError
from ..base.files import open_file, read_bytes
from ..base.names import is_number
from .base import RunningCommand, command_name

_PREFIX = "command-"
_POLL = 0.05  # seconds
# The shell adds its process id to the file, then becomes the command.
WRAPPER = ("/bin/sh", "-c", 'echo $$ >>"$0"; exec "$@"')


class Record(NamedTuple):
    """The file of a command, and its locked descriptor, which the command must inherit."""

    path: Path
    descriptor: int


def record(folder: Path, release: str, argv: Sequence[str]) -> Record:
    """Make the file of a command that is about to start."""
    token = secrets.token_hex(8)
    hidden, path = folder / f".{_PREFIX}{token}", folder / f"{_PREFIX}{token}"
    fd = open_file(hidden, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    fcntl.flock(fd, fcntl.LOCK_EX)
    row = {"release": release, "name": command_name(argv), "since": time.time()}
    with suppress(OSError):  # the disk may be full
        os.write(fd, json.dumps(row).encode("utf-8") + b"\n")
    os.rename(hidden, path)  # it is only visible with its lock
    return Record(path, fd)


def running(folder: Path) -> List[RunningCommand]:
    """Return the commands that run, and remove the files of ended ones."""
    found = []
    for path in sorted(folder.glob(f"{_PREFIX}*")):
        if not _is_held(path):
            path.unlink(missing_ok=True)
            continue
        row = _first_line(path)
        found.append(
            RunningCommand(
                path.name[len(_PREFIX) :],
                str(row.get("release", "")),
                str(row.get("name", "")),
                _number(row.get("since")),
            )
        )
    return found


def end(folder: Path, token: str, patience: float) -> None:
    """End a command and the programs that it started; kill them after ``patience`` seconds."""
    path = folder / f"{_PREFIX}{token}"
    lines = read_bytes(path).decode("utf-8", "replace").splitlines()
    if len(lines) < 2 or not is_number(lines[-1]):
        raise DeployKitError(f"the process of the command {token} is not known")
    known: Set[int] = set()
    for number, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, 10.0)):
        known |= _descendants(int(lines[-1]))
        for pid in known:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            if not _is_held(path):
                return
            time.sleep(_POLL)
    raise DeployKitError(f"the command {token} did not end")


def _is_held(path: Path) -> bool:
    try:
        fd = open_file(path)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def _number(value: object) -> float:
    """Return a number of a record, or 0 if it is damaged."""
    return float(value) if isinstance(value, (int, float)) and abs(value) < 1e15 else 0.0


def _first_line(path: Path) -> Dict[str, object]:
    try:
        data = json.loads(read_bytes(path).partition(b"\n")[0])
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def _descendants(pid: int) -> Set[int]:
    """Return a process and the processes that it started, directly or not."""
    done = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid="], stdout=subprocess.PIPE, text=True, check=False
    )
    parents = {
        int(words[0]): int(words[1]) for words in map(str.split, done.stdout.splitlines()) if words
    }
    found = {pid}
    while True:
        more = {child for child, parent in parents.items() if parent in found} - found
        if not more:
            return found
        found |= more
