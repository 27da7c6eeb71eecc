"""The lock file of an exported project: found, read by its kind, judged."""

from __future__ import annotations

import os
import sys
from pathlib import Path, PurePosixPath
from typing import Any

from django_deploykit.bundle.formats.pylock import read_pylock
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
    if name.endswith(".toml"):
        return read_pylock(_toml(folder / name), name), []
    options: list[str] = []
    return _with_includes(name, folder, set(), options), options


def _toml(path: Path) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        data: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BundleError(f"{path.name} is not TOML: {error}") from None
    return data


def _with_includes(
    name: str, folder: Path, seen: set[str], options: list[str]
) -> list[Requirement]:
    """Return a requirements file's requirements and those of the files that it includes."""
    if name in seen:
        return []
    seen.add(name)
    path = folder / name
    if not path.is_file() or not path.resolve().is_relative_to(folder.resolve()):
        raise BundleError(f"{name} is included but not in the commit")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise BundleError(f"{name} is not UTF-8: {error.reason} at byte {error.start}") from None
    parsed = parse_requirements(text, name)
    options += parsed.options
    found = parsed.requirements
    for other in parsed.included:
        inner = os.path.normpath(os.path.join(os.path.dirname(name), other))
        found += _with_includes(inner, folder, seen, options)
    return found
