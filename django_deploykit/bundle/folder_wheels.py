"""Wheels of the folders that a lock file names.

Each is built once for the content of its folder, and cached.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from django_deploykit.bundle.build_cache import cache_folder, cache_key, keep_newest_folders
from django_deploykit.bundle.files import left_as_it_was
from django_deploykit.bundle.locks.base import LockFile, Requirement, normal_name
from django_deploykit.bundle.locks.requirements import local_option
from django_deploykit.bundle.run_uv import run_uv
from django_deploykit.bundle.scratch import scratch
from django_deploykit.progress import Progress
from django_deploykit.runtime.base.files import hash_file

_MOST = 30  # wheels that stay in the cache
_FOR_INDEXES = ("-i", "-f", "--index", "--default-index", "--extra-index", "--find", "--no-index")


@dataclass(frozen=True)
class FolderWheel:
    """A built wheel, and a digest of what it installs."""

    path: Path
    content: str

    @property
    def name(self) -> str:
        """The distribution's name."""
        return normal_name(self.path.name.partition("-")[0])

    def requirement(self, where: str) -> Requirement:
        """Return the requirement that installs it, with its hash."""
        text = f"{self.name} @ {self.path.as_uri()}"
        return Requirement(text, (f"sha256:{hash_file(self.path)}",), where)


def folder_of(one: Requirement, export: Path) -> Path | None:
    """Return the folder that a requirement names, or None."""
    path, _, fragment = one.target.partition("#")
    folder = export / path.removeprefix("file://").removeprefix("file:")
    for part in fragment.split("&"):
        if part.startswith("subdirectory="):
            folder /= part.removeprefix("subdirectory=")
    return folder if one.local and folder.is_dir() else None


def build_wheels(
    lock: LockFile, words: Sequence[str], export: Path, progress: Progress
) -> Mapping[Requirement, FolderWheel]:
    """Return the wheel of each requirement that names a folder, from the cache if possible.

    ``words`` are what else the wheels depend on: the Python that builds them is the first.
    """
    found = {}
    for one in lock.requirements:
        folder = folder_of(one, export)
        if folder is not None:
            found[one] = _wheel(folder, lock, words, export, progress)
    if found:
        keep_newest_folders(_wheels(), max(_MOST, len(found)))
    return found


def with_wheels(lock: LockFile, wheels: Mapping[Requirement, FolderWheel]) -> LockFile:
    """Return a lock file with wheels in place of the folders that they were built from."""
    rows = [
        wheels[one].requirement(one.where) if one in wheels else one for one in lock.requirements
    ]
    return replace(lock, requirements=tuple(rows))


def _wheels() -> Path:
    return cache_folder() / "wheels"


def _wheel(
    folder: Path, lock: LockFile, words: Sequence[str], export: Path, progress: Progress
) -> FolderWheel:
    kept = _wheels() / cache_key(*words, *_rows(folder))
    if not any(kept.glob("*.whl")):
        kept.parent.mkdir(parents=True, exist_ok=True)
        name = os.path.relpath(folder, export)
        with scratch(kept.parent) as place, progress.step(f"build: {name}"):
            options = [local_option(line, str(export)) for line in lock.options]
            indexes = [
                word for line in options if line.startswith(_FOR_INDEXES) for word in line.split()
            ]
            command = ["build", "--quiet", "--wheel", "--no-create-gitignore", *indexes]
            out = place / "out"
            command += ["--python", words[0], "--out-dir", str(out), str(folder)]
            with left_as_it_was(folder):
                run_uv(command, export, f"building {name}")
            with suppress(OSError):  # another build has stored the same wheel
                os.rename(out, kept)
    os.utime(kept)
    path = next(kept.glob("*.whl"))
    return FolderWheel(path, _content(path))


def _rows(folder: Path) -> Iterator[str]:
    """Yield path, mode and SHA-256 of each file in a folder."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            mode = path.stat().st_mode & 0o100
            yield f"{path.relative_to(folder)}:{mode}:{hash_file(path)}"


def _content(wheel: Path) -> str:
    """Return a digest of the files in a wheel, without those that say how it was made."""
    digest = hashlib.sha256()
    with zipfile.ZipFile(wheel) as archive:
        for name in sorted(archive.namelist()):
            if not name.endswith((".dist-info/WHEEL", ".dist-info/RECORD")):
                mode = archive.getinfo(name).external_attr >> 16 & 0o100
                data = hashlib.sha256(archive.read(name)).hexdigest()
                digest.update(f"{name}:{mode}:{data}\n".encode("utf-8", "surrogateescape"))
    return f"{wheel.name}:{digest.hexdigest()}"
