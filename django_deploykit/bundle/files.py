"""The files of an export: the committed ones, and which of the others are bundled."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from django_deploykit.bundle.source import Commit

# Folders that tools write while a project is built, and that a release does not need.
_LEFT_OUT = frozenset(("__pycache__", ".git", "node_modules"))


@dataclass(frozen=True)
class Exported:
    """A commit on disk.

    ``place`` is the temporary folder of the build, ``top`` stands for the repository, and
    ``folder`` is the project's folder in it. ``committed`` has the paths of its files before
    anything ran, relative to ``folder``.

    ``ids`` identifies the content of each of these files (``content_ids``), or is empty if git does
    not. If it is not empty, assets may be missing on disk until ``complete`` writes them.
    """

    place: Path
    top: Path
    folder: Path
    committed: frozenset[str]
    commit: Commit | None = None
    ids: Mapping[str, str] = field(default_factory=dict)


def all_files(folder: Path) -> list[str]:
    """Return the sorted paths of all files below a folder, relative to it."""
    found = []
    for path, _, files in os.walk(folder):
        base = os.path.relpath(path, folder)
        found += [os.path.normpath(os.path.join(base, name)) for name in files]
    return sorted(found)


@contextmanager
def left_as_it_was(folder: Path) -> Iterator[None]:
    """Remove the files and folders that were written below ``folder`` in this block."""
    before = set(_everything(folder))
    yield
    for path in sorted(set(_everything(folder)) - before):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _everything(folder: Path) -> Iterator[Path]:
    for path, names, files in os.walk(folder):
        yield from (Path(path, name) for name in (*names, *files))


def choose_files(
    paths: Iterable[str], committed: frozenset[str], static: str
) -> tuple[list[str], list[str]]:
    """Return the files to bundle, and the names of those that are left out.

    Every committed file and everything below STATIC_ROOT, ``static``, is bundled. Everything
    else was written by build commands. Of that, bytecode is left out, because it is compiled again,
    and so are the packages of a front-end build.

    >>> choose_files(["a.py", "dist/a.js", "node_modules/b/c.js"], frozenset(["a.py"]), "")
    (['a.py', 'dist/a.js'], ['node_modules/'])
    """
    chosen: list[str] = []
    left_out: dict[str, None] = {}
    for path in paths:
        name = _left_out(path)
        if not name or path in committed or (static and path.startswith(f"{static}/")):
            chosen.append(path)
        elif not name.endswith(("__pycache__/", ".pyc")):
            left_out[name] = None
    return chosen, list(left_out)


def _left_out(path: str) -> str:
    """Return the folder or file to leave out, or an empty string."""
    parts = path.split("/")
    for end, part in enumerate(parts[:-1], 1):
        if part in _LEFT_OUT:
            return "/".join(parts[:end]) + "/"
    return path if path.endswith(".pyc") else ""
