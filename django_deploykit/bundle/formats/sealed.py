"""A ZIP archive that Python runs, with a seal at its end: a digest of everything before it.

Its members are sorted, have the commit's time and are not compressed again.
"""

from __future__ import annotations

import hashlib
import os
import time
import zipfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, cast

from django_deploykit.bundle.build_cache import validate_layers
from django_deploykit.bundle.formats.base import Written
from django_deploykit.runtime.bundle.head import PLAIN
from django_deploykit.runtime.bundle.seal import SEAL

_CHUNK = 1 << 20
_SEAL_SIZE = 64  # hexadecimal digits
_HEADER_SIZE = 30  # of a member, without its name
_FIRST_YEAR = 315532800  # the start of 1980, the earliest time that ZIP can store


def write_sealed(
    path: Path,
    moment: int,
    members: Mapping[str, bytes],
    archives: Mapping[str, Path],
    layers: Sequence[str] = (),
    *,
    start: bytes = PLAIN,
    first: str = "",
) -> Written:
    """Write an archive of ``members``, and of ``archives`` by their names in it.

    ``moment`` is the time of its files in seconds since the epoch. The ``layers``, by digest, are
    verified meanwhile: raise :class:`BundleError` if one is damaged. ``start`` is written before
    the archive, and ``first`` is its first member, whose content begins at :func:`first_place`.
    """
    with path.open("wb") as file:
        digest = _write(file, moment, members, archives, layers, start, first)
        file.flush()
        os.fsync(file.fileno())
    path.chmod(0o755)
    return Written(digest, path.stat().st_size)


def first_place(start: bytes, first: str) -> int:
    """Return where the content of the first member begins."""
    return len(start) + _HEADER_SIZE + len(first)


def zip_time(moment: int) -> tuple[int, int, int, int, int, int]:
    """Return the date and time that ZIP stores for seconds since the epoch, in UTC."""
    return time.gmtime(max(moment, _FIRST_YEAR))[:6]


class _Sealing:
    """A file that hashes what is written to it, except for the last 64 bytes, which become the seal.

    It cannot seek, so zipfile writes the archive in one pass, and the seal is computed without
    reading anything again.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = 0
        self._held = b""
        self._digest = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self._file.write(data)
        self._size += len(data)
        if len(data) < _SEAL_SIZE:
            data = self._held + data
        else:
            self._digest.update(self._held)
        view = memoryview(data)
        self._digest.update(view[:-_SEAL_SIZE])
        self._held = bytes(view[-_SEAL_SIZE:])
        return len(data)

    def tell(self) -> int:
        return self._size

    def flush(self) -> None:
        self._file.flush()

    def seal(self) -> str:
        """Replace the last 64 bytes by the seal. Return the SHA-256 of the whole file."""
        seal = self._digest.hexdigest().encode("ascii")
        self._file.seek(self._size - _SEAL_SIZE)
        self._file.write(seal)
        self._digest.update(seal)
        return self._digest.hexdigest()


def _write(
    file: BinaryIO,
    moment: int,
    members: Mapping[str, bytes],
    archives: Mapping[str, Path],
    layers: Sequence[str],
    start: bytes,
    first: str,
) -> str:
    target = _Sealing(file)
    target.write(start)
    # The layers are verified while they are copied, because hashing releases the interpreter lock.
    with ThreadPoolExecutor(1) as pool:
        verified = pool.submit(validate_layers, layers)
        try:
            _archive(target, moment, members, archives, first)
        finally:
            verified.result()  # raises if a layer is damaged, which explains other errors
    return target.seal()


def _archive(
    target: _Sealing,
    moment: int,
    members: Mapping[str, bytes],
    archives: Mapping[str, Path],
    first: str,
) -> None:
    with zipfile.ZipFile(cast(BinaryIO, target), "w", zipfile.ZIP_STORED) as archive:
        for name in sorted([*members, *archives], key=lambda name: (name != first, name)):
            info = zipfile.ZipInfo(name, zip_time(moment))
            info.external_attr = (0o100755 if name == "__main__.py" else 0o100644) << 16
            info.create_system = 3
            if name in members:
                archive.writestr(info, members[name])
            else:
                _copy(archive, info, archives[name])
        archive.comment = SEAL + b"0" * _SEAL_SIZE


def _copy(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> None:
    """Copy a file in pieces."""
    info.file_size = path.stat().st_size
    with (
        path.open("rb") as source,
        archive.open(info, "w", force_zip64=info.file_size >= 1 << 31) as target,
    ):
        while piece := source.read(_CHUNK):
            target.write(piece)
