"""A site's configuration for host verbs: names of options and variables, and when it changed."""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress
from pathlib import Path
from typing import List, Optional, Set

from .accounts import user_name
from .ini import keys_with_value
from .option_names import ENVIRONMENT, key_of
from .variables import environment_file, ini_files, read_environment_file, read_ini_text

GENERATE = "{generate}"


def configured_keys(etc: Path, app: str) -> List[str]:
    """Return the options that ``<etc>/<app>.ini`` and ``<etc>/conf.d/*.ini`` set, sorted.

    Variables in ``<etc>/<app>.env`` are among them, as ``[environment] NAME``.
    """
    found: Set[str] = set()
    for path in ini_files(etc, app):
        with suppress(FileNotFoundError):
            found |= keys_with_value(read_ini_text(path))
    values, _ = read_environment_file(environment_file(etc, app))
    return sorted({*found, *(key_of(ENVIRONMENT, name) for name in values)})


def last_change(etc: Path, app: str) -> float:
    """Return the time of the last change to the configuration, in seconds since the epoch."""
    found = [0.0]
    for path in (*ini_files(etc, app), etc / "conf.d", environment_file(etc, app)):
        with suppress(OSError):
            status = path.stat()
            found += [status.st_mtime, status.st_ctime]  # a restored file has an old mtime
    return max(found)


def exposure_problem(path: Path, owner: Optional[int] = None) -> str:
    """Return how users other than ``owner`` can read or write a file, or an empty string.

    A file that this user cannot reach counts as safe: then others cannot reach it either.
    """
    try:
        status = path.stat()
    except OSError:
        return ""
    if status.st_mode & (stat.S_IROTH | stat.S_IWOTH | stat.S_IWGRP):
        mode = stat.S_IMODE(status.st_mode)
        return f"{path} has the mode {mode:04o}: other users can read or write it"
    if owner is not None and status.st_uid != owner:
        return f"{path} belongs to {user_name(status.st_uid)}, who can read and write it"
    return ""


def is_unwritten(path: Path) -> bool:
    """Return whether there is no configuration yet: no file, or one with nothing but white space.

    A release of settings that declare nothing leaves such a file.
    """
    try:
        status = os.lstat(path)
        if not stat.S_ISREG(status.st_mode) or status.st_size > 4096:
            return False
        return not path.read_bytes().strip()
    except FileNotFoundError:
        return True


def create(path: Path, text: str, mode: int = 0o600) -> None:
    """Create a configuration, with new random keys. Only a file with nothing in it is replaced."""
    if is_unwritten(path):
        path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(fill(text))


def only_local_hosts(sample: str) -> bool:
    """Return whether a sample's default for allowed_hosts only accepts this machine.

    >>> only_local_hosts("[django]\\n# allowed_hosts = localhost, 127.0.0.1\\n")
    True
    """
    match = re.search(r"^# allowed_hosts =(.*)$", sample, re.MULTILINE)
    hosts = {host.strip() for host in match.group(1).split(",")} if match else {"?"}
    return hosts <= {"", "localhost", "127.0.0.1", "[::1]", "::1", ".localhost"}


def fill(sample: str) -> str:
    """Return a sample in which every ``{generate}`` is replaced by a new random key."""
    import secrets  # slow to import, and rarely needed

    while GENERATE in sample:
        sample = sample.replace(GENERATE, secrets.token_urlsafe(50), 1)
    return sample
