"""What ``bundle`` and ``release`` would refuse, as far as the project's files show it to ``deploy_check``.

The checks import neither: what is found here is passed to them with their subject.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from django_deploykit.bundle.locks.discovery import (
    find_lock,
    missing_lock,
    read_lock,
    reader_of,
    validate_lock,
)
from django_deploykit.checks.catalogue import Found
from django_deploykit.checks.shipping import placed
from django_deploykit.checks.subject import Subject
from django_deploykit.errors import DeployKitError, Problems
from django_deploykit.project import Project


def judged(subject: Subject) -> Subject:
    """Return the subject with what would be refused; a release on a host is past that."""
    if not subject.in_tree or not (subject.root / "manage.py").is_file():
        return subject
    told: dict[str, tuple[Found, ...]] = {"E821": tuple(_mistakes(subject.project))}
    project = subject.project
    place = _lock(project, subject.tracked)
    if place is None:
        names = (path.name for path in subject.root.iterdir())
        error = missing_lock(project, names, "the project")
        told["E823"] = (Found(error.message, error.hint),)
        return replace(subject, told=told)
    unlocked, files = _lock_problems(project, *place)
    told["E823"] = tuple(unlocked)
    needed = [place[1], *files] if place[0] == subject.root else []
    told["E824"] = tuple(Found("", path=one) for one in needed)
    return replace(subject, told=told)


def _mistakes(project: Project) -> Iterator[Found]:
    """Yield the mistakes of deploykit.ini in the sections that are not the check's own."""
    yield from placed(project.problems, project.root, "")
    try:
        _ = project.inventory
    except Problems as error:
        yield from placed(error.problems, project.root, error.hint)


def _lock(project: Project, tracked: tuple[str, ...] | None) -> tuple[Path, str] | None:
    """Return the folder and name of the lock file that ``bundle`` would use, None if there is none.

    A file that git tracks comes first, because the commit has no other.
    """
    root, known = project.root, tracked or ()

    def is_file(path: str) -> bool:
        return (root / path).is_file()

    name = find_lock(project, "", lambda path: path in known and is_file(path))
    name = name or find_lock(project, "", is_file)
    if name or tracked is None:
        return (root, name) if name else None
    from django_deploykit.bundle.source import find_repository

    top, prefix = find_repository(root)
    path = find_lock(project, prefix, lambda path: (top / path).is_file())
    return ((top / path).parent, os.path.basename(path)) if path else None


def _lock_problems(project: Project, folder: Path, name: str) -> tuple[list[Found], list[str]]:
    """Return what a lock file does not lock, and the files of the repository that it names.

    A file that only another tool can read is left to the bundle.
    """
    if reader_of(name).needs_tool:
        return [], []
    start = Path(os.path.relpath(os.path.realpath(folder), os.path.realpath(project.root)))
    files: list[str] = []
    try:
        lock = read_lock(folder, name, project.extras)
        local = [one.target.partition("#")[0] for one in lock.requirements if one.local]
        files = [os.path.normpath(os.path.join(os.path.dirname(name), one)) for one in local]
        validate_lock(lock, allow_unhashed=project.allow_unhashed)
    except Problems as error:
        first, *others = placed(error.problems, folder, error.hint.replace("\n", " "))
        more = f", and {len(others)} more are not locked" if others else ""
        path = str(start / (first.path or name))
        return [replace(first, message=first.message + more, path=path)], files
    except DeployKitError as error:
        return [Found(error.message, error.hint, path=str(start / name))], files
    return [], files
