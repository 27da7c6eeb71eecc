"""Finds in a project's files what ``bundle`` and ``release`` would refuse, for ``deploy_check``.

The checks do not import the code of these commands. They get the findings with their subject. Each
refusal is a decision of the command's own code, which is called here; this module has the number of
the check that reports it.

| what refuses | check |
| --- | --- |
| deploykit.ini, the name, the inventory | E821 |
| no commit, modified files, the export | E822, W840, E841 |
| the lock file; a file that is needed and not tracked | E823, E824 |
| loading the project, its URLs, its application and its static files | E842 |
| the processes | E843 |
| logging in as root | E844 |

W845 is about a wheel that the project builds of itself, which no command of ours uses.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from django_deploykit.bundle.interpreter_layer import project_interpreter
from django_deploykit.bundle.locks.base import normal_name
from django_deploykit.bundle.locks.completeness import is_unnamed
from django_deploykit.bundle.locks.discovery import (
    Place,
    find_lock,
    missing_lock,
    plugins_place,
    read_each,
    validate_deploykit,
    validate_lock,
)
from django_deploykit.checks.finding import Finding
from django_deploykit.checks.subject import Refusals, Subject
from django_deploykit.errors import DeployKitError, Problems
from django_deploykit.project import NAME_HINT, NO_NAME, Project
from django_deploykit.project.naming import repository_of
from django_deploykit.release.logins import root_login

_PLACE = re.compile(r"(?P<path>[^:\s][^:]*):(?P<line>\d+): (?P<text>.*)", re.DOTALL)


Trial = Callable[[], Refusals]
# The check that reports what a stage of a build refuses.
CHECKS = {
    "commit": "E822",
    "clean": "W840",
    "export": "E841",
    "lock": "E823",
    "versions": "W117",
    "load": "E842",
    "processes": "E843",
    "wheel": "W845",
}


def add_refusals(
    subject: Subject,
    start: Callable[[Subject, Mapping[str, str]], Trial] | None = None,
    *,
    own_wheel: bool = True,
) -> Subject:
    """Return the subject with what would be refused. For a release on a host, that is nothing.

    ``start`` starts to try a build, and returns the function that waits for what it refuses. It gets
    the checks that report this, by stage. ``own_wheel`` is whether the project's own wheel is wanted.
    """
    if not subject.in_tree or not (subject.root / "manage.py").is_file():
        return subject
    project = subject.project
    refusals = {"E821": tuple(_iter_mistakes(project))}
    places: list[Place] = []
    try:
        places = _find_locks(project, subject.tracked)
    except DeployKitError as error:
        refusals["E823"] = (Finding(error.message, error.hint),)
    else:
        problems, needed, locked = _lock_problems(project, places)
        subject = replace(subject, locked=locked)
        refusals["E823"] = tuple(problems)
        refusals["E824"] = tuple(Finding("", path=one) for one in needed)
    refusals["E844"] = tuple(_iter_root_logins(project))
    # Other lock files were read above, where they are.
    left = CHECKS if _are_tried(places) else {**CHECKS, "lock": ""}
    left = left if own_wheel else {**left, "wheel": ""}
    return replace(subject, refusals=refusals, trial=start(subject, left) if start else None)


def _iter_root_logins(project: Project) -> Iterator[Finding]:
    """Yield a finding for each environment whose deploykit.ini names root as the login user."""
    try:
        environments = project.inventory.values()
    except Problems:
        return  # E821 has these
    for one in environments:
        error = root_login(one, lambda host: host.user)
        if error is not None:
            yield Finding(error.message, error.hint, path="deploykit.ini")


def _names_above(root: Path) -> set[str]:
    """Return the names of the files next to manage.py, and in folders above in its repository."""
    top = repository_of(root)
    folders = [one for one in (root, *root.parents) if one.is_relative_to(top)]
    return {path.name for folder in folders for path in folder.iterdir()}


def _iter_mistakes(project: Project) -> Iterator[Finding]:
    """Yield the mistakes in sections of deploykit.ini that the checks do not read themselves."""
    yield from place_problems(project.problems, project.root)
    if not (project.name or project.problems):
        yield Finding(NO_NAME, NAME_HINT, path="deploykit.ini")
    if not project.problems:
        yield from _iter_interpreter_problems(project)
    try:
        _ = project.inventory
    except Problems as error:
        yield from place_problems(error.problems, project.root, error.hint)


def _iter_interpreter_problems(project: Project) -> Iterator[Finding]:
    """Yield why the interpreter that deploykit.ini names cannot be in a bundle."""
    try:
        project_interpreter(project, project.root)
    except Problems as error:
        for problem in error.problems:
            text = f"hosts could not run the interpreter: {problem}"
            yield Finding(text, error.hint, path="deploykit.ini")
    except DeployKitError as error:
        yield Finding(error.message, error.hint, path="deploykit.ini")


def place_problems(problems: Iterable[str], root: Path, hint: str = "") -> Iterator[Finding]:
    """Yield problems as findings. A problem that starts with ``file:line:`` gets that place."""
    for problem in problems:
        match = _PLACE.match(problem)
        if match is None:
            yield Finding(problem, hint)
        else:
            path = os.path.relpath(os.path.join(root, match["path"]), root)
            yield Finding(match["text"], hint, path=path, line=int(match["line"]))


def _find_locks(project: Project, tracked: tuple[str, ...] | None) -> list[Place]:
    """Return the places of the lock file that ``bundle`` would use, and of its plug-ins, if any."""

    def find(one: Project) -> Place | None:
        return _find_lock(one, tracked)

    found = find(project)
    if found is None:
        raise missing_lock(project, _names_above(project.root), "the project")
    return [found, *plugins_place(project, found, find)]


def _find_lock(project: Project, tracked: tuple[str, ...] | None) -> Place | None:
    """Return the place of a lock file.

    A file that git tracks comes first, because the commit contains no other.
    """
    root, known = project.root, tracked or ()

    def is_file(path: str) -> bool:
        return (root / path).is_file()

    from django_deploykit.bundle.source import find_repository, why_not_committed

    name = find_lock(project, "", lambda path: path in known and is_file(path))
    here = find_lock(project, "", is_file)
    if name and here not in known:
        why, hint = why_not_committed(root, "HEAD", here)
        return Place.of(root, name).with_other(here, why, hint)
    if here or tracked is None:
        return Place.of(root, name or here) if here else None
    top, prefix = find_repository(root)
    path = find_lock(project, prefix, lambda path: (top / path).is_file())
    return Place((top / path).parent, os.path.basename(path)) if path else None


def _need_tool(places: Iterable[Place]) -> bool:
    return any(place.reader.needs_tool for place in places)


def _are_tried(places: list[Place]) -> bool:
    """Whether only a tried build checks lock files: one needs a tool, or two have to agree."""
    return _need_tool(places) or len(places) > 1


def _lock_problems(
    project: Project, places: list[Place]
) -> tuple[list[Finding], list[str], frozenset[str] | None]:
    """Return the problems of lock files, what of the project they name, and what is locked.

    A file that only another tool can read is not read here, only when a bundle is built.
    """
    root = os.path.realpath(project.root)
    needed = _inside(root, (one.folder / one.name for one in places))
    if _need_tool(places):
        return [], needed, None
    folder, locked = places[0].folder, None
    try:
        locks = read_each(places, project, repository_of(project.root))
        rows = [one for lock in locks for one in lock.requirements]
        needed += _inside(
            root, (folder / one.target.partition("#")[0] for one in rows if one.local)
        )
        if not any(map(is_unnamed, rows)):
            locked = frozenset(normal_name(one.distribution) for one in rows)
        if not _are_tried(places):
            allowed = project.allow_unhashed
            validate_lock(locks[0], allow_unhashed=allowed, hint=places[0].hint)
            validate_deploykit(locks[0], project.root, project.settings)
    except Problems as error:
        first, *others = place_problems(error.problems, folder, error.hint.replace("\n", " "))
        more = f", and {len(others)} more" if others else ""
        path = os.path.relpath(os.path.realpath(folder / (first.path or places[-1].name)), root)
        return [replace(first, message=first.message + more, path=path)], needed, locked
    except DeployKitError as error:
        path = os.path.relpath(os.path.realpath(folder / places[0].name), root)
        return [Finding(error.message, error.hint, path=path)], needed, locked
    return [], needed, locked


def _inside(root: str, paths: Iterable[Path]) -> list[str]:
    """Return the paths of the files that are in the project, relative to it."""
    found = (
        os.path.relpath(os.path.realpath(path.parent) + "/" + path.name, root) for path in paths
    )
    return [path for path in found if not path.startswith("..")]
