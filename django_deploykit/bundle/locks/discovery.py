"""Finding, reading and validating a project's lock file.

All file names and hints come from ``READERS``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from django_deploykit.bundle.locks import READERS
from django_deploykit.bundle.locks.base import LockFile, Reader, iter_lock_problems
from django_deploykit.bundle.source import Commit, export, git
from django_deploykit.errors import BundleError, Problems
from django_deploykit.project import Project

_UNHASHED = "\nOr set `allow_unhashed = yes` in [bundle] of deploykit.ini to accept pinned versions without hashes."


def reader_of(name: str) -> Reader:
    """Return the reader for a lock file's name, or else for the first pattern that matches it."""
    found = READERS.get(name) or READERS.get(PurePosixPath(name).name)
    return found or next(row for pattern, row in READERS.items() if fnmatchcase(name, pattern))


def find_lock(project: Project, prefix: str, exists: Callable[[str], bool]) -> str:
    """Return the path of the project's lock file in its repository.

    It is the file that deploykit.ini names. Otherwise it is the first known name in the project's
    folder (``prefix``, with a trailing slash) or in the nearest folder above. If there is none, the
    path is an empty string. ``exists`` is called with paths relative to the repository.
    """
    if project.lock:
        paths = [prefix + project.lock]
    else:
        folders = [prefix, *map(str, PurePosixPath(prefix).parents)] if prefix else [""]
        paths = [os.path.join(folder, name) for folder in folders for name in _names()]
    tidy = (os.path.normpath(path) for path in paths)
    return next((path for path in tidy if not path.startswith(("..", "/")) and exists(path)), "")


def _names() -> list[str]:
    return [name for name in READERS if "*" not in name]


def missing_lock(project: Project, names: Iterable[str], where: str) -> BundleError:
    """Return the error for a project without a lock file.

    ``names`` are the names of the files next to manage.py. ``where`` describes the place that was
    searched.
    """
    if project.lock:
        what, looked = f"the lock file {project.lock} is not in {where}", ""
    else:
        what, looked = f"there is no lock file in {where}", f"; looked for {', '.join(_names())}"
    there = set(names)
    rows = (reader for reader in READERS.values() if reader.source in there)
    known = next(rows, None)
    written = "" if known else "Write what the project needs to requirements.in, one name a line. "
    return BundleError(what + looked, written + (known or READERS["requirements.txt"]).hint())


def locate_lock(project: Project, commit: Commit, folder: Path, place: Path) -> tuple[Path, str]:
    """Return the folder of the lock file, and the file's path in this folder.

    ``folder`` is the exported project. If the lock file is above the project's folder, the whole
    repository is exported below ``place``, because the lock file may refer to packages in it.
    """

    def in_commit(path: str) -> bool:
        if path.startswith(commit.prefix):
            return (folder / path.removeprefix(commit.prefix)).is_file()
        return bool(git(commit.top, "ls-tree", commit.sha, path, fail=False))

    path = find_lock(project, commit.prefix, in_commit)
    if not path:
        raise missing_lock(project, (one.name for one in folder.iterdir()), "the commit")
    if path.startswith(commit.prefix):
        return folder, path.removeprefix(commit.prefix)
    whole = place / "repository"
    export(replace(commit, prefix=""), whole)
    return (whole / path).parent, os.path.basename(path)


def read_lock(folder: Path, name: str, extras: tuple[str, ...] = ()) -> LockFile:
    """Read the lock file ``name`` in ``folder``.

    The project's ``extras`` are included if this kind of lock file has extras.
    """
    return reader_of(name).read(folder, name, extras)


def validate_lock(lock: LockFile, *, allow_unhashed: bool) -> None:
    """Raise :class:`Problems` if anything is not locked, with the command that locks it."""
    problems = list(iter_lock_problems(lock, allow_unhashed=allow_unhashed))
    if problems:
        more = _UNHASHED if any(one.endswith("has no hash") for one in problems) else ""
        hint = reader_of(lock.path).hint(lock.path) + more
        raise Problems(f"{lock.path} is not a lock file:", problems, hint)
