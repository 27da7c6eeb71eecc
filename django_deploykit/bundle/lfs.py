"""Git LFS: a commit has a pointer in place of each large file. The clone keeps the files."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from django_deploykit.bundle.source import git
from django_deploykit.errors import Problems
from django_deploykit.runtime.base.files import hash_file

LONGEST = 1024  # bytes of a pointer; longer files are not read
_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n"
    rb"(?:ext-[^\n]*\n)*oid sha256:(?P<oid>[0-9a-f]{64})\nsize (?P<size>[0-9]+)\n?\Z"
)


def is_pointer(data: bytes) -> bool:
    """Whether a file is a pointer of Git LFS."""
    return bool(_POINTER.match(data))


def replace_pointers(top: Path, paths: Iterable[Path], target: Path) -> None:
    """Replace exported pointers by the files that the clone ``top`` has for them.

    A pointer has the SHA-256 of its file, so every clone gives the same bytes. Raise
    :class:`Problems` for files that the clone does not have; ``target`` is the export.
    """
    folder, missing = _storage(top), []
    for path in paths:
        match = _POINTER.match(path.read_bytes())
        assert match is not None
        oid = match["oid"].decode()
        stored = folder / oid[:2] / oid[2:4] / oid
        if not stored.is_file() or hash_file(stored) != oid:
            missing.append(str(path.relative_to(target)))
            continue
        mode = path.stat().st_mode
        shutil.copyfile(stored, path)
        path.chmod(mode & 0o777)
    if missing:
        raise Problems(
            "these files are in Git LFS, and this clone has only pointers to them:",
            missing,
            "Fetch them: git lfs install && git lfs pull",
        )


def _storage(top: Path) -> Path:
    """Return the folder of the files that git-lfs has fetched."""
    common = Path(os.path.join(top, git(top, "rev-parse", "--git-common-dir").strip()))
    named = git(top, "config", "--get", "lfs.storage", fail=False).strip()
    return common / (named or "lfs") / "objects"
