"""What ``bundle`` and ``release`` would refuse, read off the project's files for ``deploy_check``.

The checks themselves know neither: what is judged here travels to them with their subject.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from django_deploykit.bundle.locks.base import CANDIDATES, Lock, judge, missing_lock
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
        names = [path.name for path in subject.root.iterdir()]
        what = (
            f"the lock file {project.lock} is not there"
            if project.lock
            else "there is no lock file"
        )
        told["E823"] = (Found(what, missing_lock(names)),)
        return replace(subject, told=told)
    unlocked, files = _lock_judged(project, *place)
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
    """Return the folder and name of the lock that ``bundle`` would take, None where there is none.

    One that git tracks comes first: the commit holds no other.
    """
    root = project.root
    wanted = (project.lock,) if project.lock else CANDIDATES
    there = [one for one in wanted if (root / one).is_file() and ".." not in Path(one).parts]
    for one in [*(one for one in there if one in (tracked or ())), *there]:
        return root, one
    if tracked is None:
        return None
    from django_deploykit.bundle.source import git

    top = Path(git(root, "rev-parse", "--show-toplevel", fail=False).strip() or root)
    for parent in (root, *root.parents):
        if not parent.is_relative_to(top):
            break
        for one in wanted:
            path = Path(os.path.normpath((root if project.lock else parent) / one))
            if path.is_file() and path.is_relative_to(top):
                return path.parent, path.name
    return None


def _lock_judged(project: Project, folder: Path, name: str) -> tuple[list[Found], list[str]]:
    """Return what keeps a lock file from being one, and the files of the repository that it names.

    What uv alone can read is left to the bundle.
    """
    if name.endswith("uv.lock"):
        return [], []
    from django_deploykit.bundle.locks.requirements import read_written

    start, files = Path(os.path.relpath(folder, project.root)), []  # type: Path, list[str]
    try:
        requirements, _ = read_written(name, folder)
        local = [one.target.partition("#")[0] for one in requirements if one.local]
        files = [os.path.normpath(os.path.join(os.path.dirname(name), one)) for one in local]
        judge(Lock(name, tuple(requirements)), allow_unhashed=project.allow_unhashed)
    except Problems as error:
        first, *others = placed(error.problems, folder, error.hint.replace("\n", " "))
        more = f", and {len(others)} more are not locked" if others else ""
        path = str(start / (first.path or name))
        return [replace(first, message=first.message + more, path=path)], files
    except DeployKitError as error:
        return [Found(error.message, error.hint, path=str(start / name))], files
    return [], files
