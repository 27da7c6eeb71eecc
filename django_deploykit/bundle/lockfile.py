"""The lock file of an exported project: found, read by its kind, judged."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from django_deploykit.bundle.lock import (
    CANDIDATES,
    Lock,
    Requirement,
    judge,
    missing_lock,
    parse_requirements,
)
from django_deploykit.bundle.source import Commit, export, git
from django_deploykit.bundle.uv import run_uv
from django_deploykit.bundle.written import read_written
from django_deploykit.errors import BundleError
from django_deploykit.project import Project


def lock_folder(project: Project, commit: Commit, folder: Path, place: Path) -> tuple[Path, str]:
    """Return the folder that the lock lies in and its name there.

    It is the project's, or, where the project is a folder of a repository, one above it: then the
    whole repository is exported below ``place``, for the packages that the lock finds there.
    """
    wanted = (project.lock,) if project.lock else CANDIDATES
    inside = next((one for one in wanted if (folder / one).is_file()), "")
    if inside and ".." not in PurePosixPath(inside).parts:
        return folder, inside
    for parent in _parents(commit.prefix):
        for name in wanted:
            path = os.path.normpath(os.path.join(commit.prefix if project.lock else parent, name))
            if not path.startswith("..") and git(
                commit.top, "ls-tree", commit.sha, path, fail=False
            ):
                whole = place / "repository"
                export(Commit(commit.top, "", commit.sha, commit.time, commit.tree), whole)
                return (whole / path).parent, os.path.basename(path)
    names = sorted(path.name for path in folder.iterdir())
    what = (
        f"the lock file {project.lock} is not in the commit"
        if project.lock
        else "the commit holds no lock file"
    )
    raise BundleError(f"{what}; looked for {', '.join(wanted)}", missing_lock(names))


def _parents(prefix: str) -> list[str]:
    return [str(one) for one in PurePosixPath(prefix).parents] if prefix else []


def read_lock(project: Project, folder: Path, name: str) -> Lock:
    """Return the judged lock that lies in ``folder``."""
    requirements, options = _requirements(name, folder, project.extras)
    lock = Lock(name, tuple(requirements), tuple(options))
    judge(lock, allow_unhashed=project.allow_unhashed)
    return lock


def _requirements(
    name: str, folder: Path, extras: tuple[str, ...]
) -> tuple[list[Requirement], list[str]]:
    if name.endswith("uv.lock"):
        words = [word for extra in extras for word in ("--extra", extra)]
        flags = [
            "--frozen",
            "--no-dev",
            "--no-emit-project",
            "--no-editable",
            "--no-header",
            "--no-annotate",
        ]
        text = run_uv(
            ["export", "--quiet", "--format", "requirements-txt", *flags, *words],
            folder / os.path.dirname(name),
            f"reading {name}",
        )
        return parse_requirements(text, name).requirements, []
    return read_written(name, folder)
