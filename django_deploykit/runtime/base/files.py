"""Reads files that other users can replace, writes files atomically, and hashes files.

``top`` is the folder above which the path is trusted, such as a site's folder; by default the
folder of the file. Below it no link is followed (:mod:`.opening`).
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
from pathlib import Path
from typing import BinaryIO, Callable, List, Optional, Union

from .errors import DeployKitError
from .opening import open_folder, open_regular

_CHUNK = 1 << 20
_LONGEST = 1 << 28  # bytes of a file that is read as a whole; no list of files is longer
BLOCK = 4096  # bytes; a file of this size keeps its place on the disk when it is overwritten
_TEMPORARY = re.compile(r"\..+-[0-9a-f]{12}\Z")


def open_file(
    path: Path, flags: int = os.O_RDONLY, mode: int = 0o666, *, top: Optional[Path] = None
) -> int:
    """Return a descriptor of a regular file; raises :class:`OSError`, also for a link or a pipe."""
    folder = top or path.parent
    return open_regular(str(folder), os.path.relpath(path, folder), flags, mode)


def validate_folder(path: Path, top: Path) -> None:
    """Raise :class:`OSError` if a folder below ``top``, or one on the way to it, is a link."""
    os.close(open_folder(str(top), os.path.relpath(path, top)))


def entries(top: Path, name: str) -> List[Path]:
    """Return the sorted paths in the folder ``name`` below ``top``; none if it is missing or a link.

    The paths themselves may be links.
    """
    try:
        handle = open_folder(str(top), name)
    except OSError:
        return []
    try:
        return sorted(top / name / one for one in os.listdir(handle))
    finally:
        os.close(handle)


def read_bytes(path: Path, limit: int = _LONGEST, *, top: Optional[Path] = None) -> bytes:
    """Return the content of a regular file of at most ``limit`` bytes.

    Raises :class:`OSError`, also for a link, a pipe, and a longer file: one with holes may be
    larger than the memory.
    """
    with os.fdopen(open_file(path, top=top), "rb") as file:
        if os.fstat(file.fileno()).st_size > limit:
            raise OSError(errno.EFBIG, f"is longer than {limit} bytes", str(path))
        return file.read(limit)


def read_end(path: Path, limit: int, *, top: Optional[Path] = None) -> bytes:
    """Return the last bytes, at most ``limit``, of a regular file; raises :class:`OSError`."""
    with os.fdopen(open_file(path, top=top), "rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - limit))
        return file.read(limit)


def read_regular(path: Path, limit: int, *, top: Optional[Path] = None) -> str:
    """Return the text of a regular file of at most ``limit`` bytes.

    This is for folders that other users can write to. Raises :class:`FileNotFoundError` if the file
    is missing. Raises :class:`DeployKitError` for a link, a pipe, a device or a folder, and if the
    file is too long, not readable or not UTF-8.
    """
    try:
        handle = open_file(path, top=top)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DeployKitError(f"{path} cannot be read: {error.strerror}") from None
    with os.fdopen(handle, "rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise DeployKitError(f"{path} is longer than {limit} bytes")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise DeployKitError(f"{path} is not UTF-8") from None


def temporary_path(path: Path) -> Path:
    """Return a new name next to a path, for a file that will replace it.

    Code that lists the folder must not find this file, so it is hidden and has another suffix.
    """
    return path.with_name(f".{path.name}-{os.urandom(6).hex()}")


def is_temporary(path: Path) -> bool:
    """Whether a path has a name of :func:`temporary_path`; if unused, a killed process left it."""
    return bool(_TEMPORARY.match(path.name))


def is_full(error: OSError) -> bool:
    """Return whether an error means that the disk, or the user's share of it, is full."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def is_without_space(folder: Path) -> bool:
    """Return whether the disk of a folder has no room for a small file."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return False
    return found.f_bavail * found.f_frsize < BLOCK or (found.f_files > 0 and not found.f_favail)


def write_in_place(path: Path, text: str) -> None:
    """Overwrite a small file, and write it to the disk; a full disk has room for it if it exists.

    It is padded with spaces to a block, so that later texts need no more room. Up to 512 bytes
    are written as a whole even if the power fails.
    """
    data = text.encode("utf-8").ljust(BLOCK)
    handle = open_file(path, os.O_WRONLY | os.O_CREAT, 0o644)
    try:
        os.pwrite(handle, data, 0)
        os.ftruncate(handle, len(data))
        os.fsync(handle)
    finally:
        os.close(handle)


def write_and_replace(
    path: Path,
    data: Union[str, bytes],
    mode: Optional[int] = None,
    *,
    sync: bool = False,
    validate: Optional[Callable[[Path], None]] = None,
    top: Optional[Path] = None,
) -> None:
    """Write a file so that readers see its old or its new content, never a part.

    ``mode`` is set exactly, whatever the umask; without it the umask applies to 0666. ``sync``
    writes the file to the disk first, to survive a power failure. ``validate`` gets the path of the
    complete temporary file, which is in the same folder, and may raise an error.
    """
    name = temporary_path(path).name
    trusted = top or path.parent
    below = os.path.relpath(path.parent, trusted) if path.parent != trusted else ""
    folder = open_folder(str(trusted), below)
    try:
        _write_and_replace(path, folder, name, data, mode, sync, validate)
    finally:
        os.close(folder)


def _write_and_replace(
    path: Path,
    folder: int,
    name: str,
    data: Union[str, bytes],
    mode: Optional[int],
    sync: bool,
    validate: Optional[Callable[[Path], None]],
) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    created = 0o666 if mode is None else mode & 0o600
    handle = open_regular(str(path.parent), name, flags, created, inside=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data.encode("utf-8") if isinstance(data, str) else data)
            file.flush()
            if mode is not None:
                os.fchmod(handle, mode)
            if sync:
                os.fsync(handle)
        if validate:
            validate(path.with_name(name))
        os.replace(name, path.name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        os.unlink(name, dir_fd=folder)
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
