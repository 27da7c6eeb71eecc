"""Reading files in folders that somebody else can write to: no links, no pipes, no surprises in size."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from .errors import DeployKitError


def read_ordinary(path: Path, limit: int) -> str:
    """Return the text of an ordinary file of at most ``limit`` bytes.

    Raises :class:`FileNotFoundError` where there is none, :class:`DeployKitError` for a link, a pipe,
    a device, a folder, for what is too long, cannot be read or is not UTF-8.
    """
    try:
        # A pipe must not make the reader wait, and a link must not lead root elsewhere.
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DeployKitError(f"{path} cannot be read: {error.strerror}") from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise DeployKitError(f"{path} is no ordinary file")
    with os.fdopen(handle, "rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise DeployKitError(f"{path} is longer than {limit} bytes")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise DeployKitError(f"{path} is not UTF-8") from None
