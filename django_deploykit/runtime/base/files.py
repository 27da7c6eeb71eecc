"""Reads files that other users can replace, writes files atomically, and hashes files."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import BinaryIO, Callable, Optional, Union

from .errors import DeployKitError

_CHUNK = 1 << 20


def read_regular(path: Path, limit: int) -> str:
    """Return the text of a regular file of at most ``limit`` bytes.

    This is for folders that other users can write to. Raises :class:`FileNotFoundError` if the file
    is missing. Raises :class:`DeployKitError` for a link, a pipe, a device or a folder, and if the
    file is too long, not readable or not UTF-8.
    """
    try:
        # O_NONBLOCK: opening a pipe must not block. O_NOFOLLOW: a link must not lead root elsewhere.
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DeployKitError(f"{path} cannot be read: {error.strerror}") from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise DeployKitError(f"{path} is not a regular file")
    with os.fdopen(handle, "rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise DeployKitError(f"{path} is longer than {limit} bytes")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise DeployKitError(f"{path} is not UTF-8") from None


def write_and_replace(
    path: Path,
    data: Union[str, bytes],
    mode: Optional[int] = None,
    *,
    sync: bool = False,
    validate: Optional[Callable[[Path], None]] = None,
) -> None:
    """Write a file so that readers see its old or its new content, never a part.

    ``mode`` is set exactly, whatever the umask; without it the umask applies to 0666. ``sync``
    writes the file to the disk first, to survive a power failure. ``validate`` gets the path of the
    complete temporary file, which is in the same folder, and may raise an error.
    """
    # Code that lists the folder must not find this file, so it is hidden and has another suffix.
    temporary = path.with_name(f".{path.name}-{os.urandom(6).hex()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.open(temporary, flags, 0o666 if mode is None else mode & 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data.encode("utf-8") if isinstance(data, str) else data)
            file.flush()
            if mode is not None:
                os.fchmod(handle, mode)
            if sync:
                os.fsync(handle)
        if validate:
            validate(temporary)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def hash_stream(file: BinaryIO, size: Optional[int] = None) -> str:
    """Return the SHA-256, in hexadecimal, of a file's next ``size`` bytes, or of all the rest."""
    digest = hashlib.sha256()
    while size is None or size > 0:
        data = file.read(_CHUNK if size is None else min(_CHUNK, size))
        if not data:
            break
        digest.update(data)
        size = None if size is None else size - len(data)
    return digest.hexdigest()


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hash_stream(file)
