"""A small file system on a folder, for tests of full disks."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, *options: str) -> Iterator[Path]:
    """Mount a file system on a folder that holds a bundle's files only in part.

    ``options`` are those of tmpfs in place of a size.
    """
    folder.mkdir(parents=True, exist_ok=True)
    words = ",".join((*(options or ("size=150m",)), f"mode={folder.stat().st_mode & 0o777:o}"))
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", words, "none", folder], capture_output=True, text=True
    )
    if made.returncode:
        pytest.skip(f"no file system can be mounted here: {made.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
