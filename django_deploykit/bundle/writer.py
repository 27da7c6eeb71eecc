"""Writing the one file: sorted members, the commit's time, stored as they are, sealed at the end."""

from __future__ import annotations

import errno
import hashlib
import os
import time
import zipfile
from pathlib import Path
from typing import BinaryIO

from django_deploykit.bundle.scratch import scratch
from django_deploykit.errors import BundleError
from django_deploykit.runtime.bundlefile import SEAL
from django_deploykit.runtime.manifest import Layer

_START = b"#!/usr/bin/env python3\n"
_CHUNK = 1 << 20
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


def _write(
    file: BinaryIO, moment: int, members: dict[str, bytes], layers: tuple[Layer, ...], folder: Path
) -> str:
    file.write(_START)
    archives = {f"layers/{layer.sha256}.zip": folder / f"{layer.sha256}.zip" for layer in layers}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted([*members, *archives]):
            info = zipfile.ZipInfo(name, zip_time(moment))
            info.external_attr = (0o100755 if name == "__main__.py" else 0o100644) << 16
            info.create_system = 3
            if name in members:
                archive.writestr(info, members[name])
            else:
                _copy(archive, info, archives[name])
        archive.comment = SEAL + b"0" * 64
    return _seal(file)


def _copy(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> None:
    """Copy a layer's archive in, piece by piece; one that is not what was packed is refused."""
    info.file_size = path.stat().st_size
    digest = hashlib.sha256()
    with (
        path.open("rb") as source,
        archive.open(info, "w", force_zip64=info.file_size >= 1 << 31) as target,
    ):
        while piece := source.read(_CHUNK):
            digest.update(piece)
            target.write(piece)
    if digest.hexdigest() != path.with_suffix(".sum").read_text(encoding="ascii"):
        raise DamagedLayer(path.stem)


def _seal(file: BinaryIO) -> str:
    """Put the seal where the zeros stand, and return the SHA-256 of the whole file."""
    size = file.tell() - 64
    file.flush()
    digest = hashlib.sha256()
    with open(file.name, "rb") as source:
        left = size
        while left:
            piece = source.read(min(_CHUNK, left))
            digest.update(piece)
            left -= len(piece)
    seal = digest.hexdigest().encode("ascii")
    file.seek(size)
    file.write(seal)
    digest.update(seal)
    return digest.hexdigest()
