"""Writing the one file: sorted members, the commit's time, stored as they are, sealed at the end."""

from __future__ import annotations

import errno
import hashlib
import os
import time
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, cast

from django_deploykit.bundle.project_side.pack_layers import file_digest
from django_deploykit.bundle.scratch import scratch
from django_deploykit.errors import BundleError
from django_deploykit.runtime.bundle.manifest import Layer
from django_deploykit.runtime.bundle.seal import SEAL

_START = b"#!/usr/bin/env python3\n"
_CHUNK = 1 << 20
_SEAL_SIZE = 64  # hexadecimal digits
_FIRST_YEAR = 315532800  # 1980, where ZIP's calendar begins


class DamagedLayer(Exception):
    """A cached layer whose bytes changed since it was packed; the argument is its digest."""


def zip_time(moment: int) -> tuple[int, int, int, int, int, int]:
    """Return a moment in UTC as ZIP holds it."""
    return time.gmtime(max(moment, _FIRST_YEAR))[:6]


def write_bundle(
    target: Path, moment: int, members: dict[str, bytes], layers: tuple[Layer, ...], folder: Path
) -> tuple[str, int]:
    """Write the bundle at ``target``, all of it or nothing; returns its SHA-256 and size.

    ``members`` are the small ones by name; the archives of ``layers`` come from the cache ``folder``.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with scratch(target.parent) as place:
            path = place / target.name
            with path.open("wb") as file:
                digest = _write(file, moment, members, layers, folder)
                file.flush()
                os.fsync(file.fileno())
            path.chmod(0o755)
            size = path.stat().st_size
            os.replace(path, target)
    except OSError as error:
        hint = (
            "Free some space, or use --output on another disk."
            if error.errno == errno.ENOSPC
            else ""
        )
        raise BundleError(f"{target} cannot be written: {error.strerror}", hint) from None
    return digest, size


class _Sealing:
    """What the archive is written to: hashes what passes, but for the last 64 bytes, the seal's place.

    It cannot seek, so the archive goes out in one pass and is not read again to be sealed.
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
        """Put the seal where the zeros stand, and return the SHA-256 of the whole file."""
        seal = self._digest.hexdigest().encode("ascii")
        self._file.seek(self._size - _SEAL_SIZE)
        self._file.write(seal)
        self._digest.update(seal)
        return self._digest.hexdigest()


def _write(
    file: BinaryIO, moment: int, members: dict[str, bytes], layers: tuple[Layer, ...], folder: Path
) -> str:
    target = _Sealing(file)
    target.write(_START)
    archives = {f"layers/{layer.sha256}.zip": folder / f"{layer.sha256}.zip" for layer in layers}
    # Hashing lets other threads run: the layers are judged while they are copied.
    with ThreadPoolExecutor(1) as pool:
        judged = pool.submit(_judge, sorted(archives.values()))
        with zipfile.ZipFile(cast(BinaryIO, target), "w", zipfile.ZIP_STORED) as archive:
            for name in sorted([*members, *archives]):
                info = zipfile.ZipInfo(name, zip_time(moment))
                info.external_attr = (0o100755 if name == "__main__.py" else 0o100644) << 16
                info.create_system = 3
                if name in members:
                    archive.writestr(info, members[name])
                else:
                    _copy(archive, info, archives[name])
            archive.comment = SEAL + b"0" * _SEAL_SIZE
        judged.result()
    return target.seal()


def _judge(paths: Sequence[Path]) -> None:
    """Refuse a layer's archive that is not what was packed."""
    for path in paths:
        if file_digest(str(path)) != path.with_suffix(".sum").read_text(encoding="ascii"):
            raise DamagedLayer(path.stem)


def _copy(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> None:
    """Copy a layer's archive in, piece by piece."""
    info.file_size = path.stat().st_size
    with (
        path.open("rb") as source,
        archive.open(info, "w", force_zip64=info.file_size >= 1 << 31) as target,
    ):
        while piece := source.read(_CHUNK):
            target.write(piece)
