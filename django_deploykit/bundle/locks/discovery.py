"""The lock file of an exported project: found, read by its kind, judged."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, replace
from pathlib import Path, PurePosixPath

from django_deploykit.bundle.build_cache import keep, read_kept
from django_deploykit.bundle.layers import digest_of_text
from django_deploykit.bundle.locks.base import (
    CANDIDATES,
    Lock,
    Requirement,
    judge,
    missing_lock,
    parse_requirements,
)
from django_deploykit.bundle.locks.markers import settle
from django_deploykit.bundle.locks.requirements import read_written
from django_deploykit.bundle.locks.uv import find_uv, run_uv
from django_deploykit.bundle.source import Commit, export, git
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
        text = _exported(folder / os.path.dirname(name), [*flags, *words], name)
        return parse_requirements(text, name).requirements, []
    return read_written(name, folder)


def _exported(where: Path, words: list[str], name: str) -> str:
    """Return a uv.lock in the words of a requirements file; uv is asked once for each content."""
    key = _key(where, words)
    text = read_kept("locks", key)
    if text is None:
        argv = ["export", "--quiet", "--format", "requirements-txt", *words]
        text = run_uv(argv, where, f"reading {name}")
        if str(where) not in text:
            keep("locks", key, text)
    return text


def _key(where: Path, words: list[str]) -> str:
    """Return what uv's answer is kept under: all that it comes from.

    uv reads the project's pyproject.toml, and those of the members that the lock names.
    """
    lock = _words(where / "uv.lock")
    names = sorted({"", *re.findall(r'(?:directory|editable|virtual) = "([^"]+)"', lock)})
    files = [_words(where / one / end) for one in names for end in ("pyproject.toml", "uv.toml")]
    told = [f"{key}={os.environ[key]}" for key in sorted(os.environ) if key.startswith("UV_")]
    program = os.stat(find_uv())
    version = f"{program.st_size} {program.st_mtime_ns}"
    return digest_of_text(version, lock, *files, *words, *told)[:32]


def _words(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""


def settled(lock: Lock, python: str, platform: str) -> tuple[Lock, list[str]]:
    """Return a lock whose markers hold for every patch release of ``python``, and notes.

    What judges markers takes its time to start, so it judges each lock once.
    """
    lines = [f"{one.where} {one.marker} {one.line()}" for one in lock.requirements]
    key = digest_of_text(python, platform, *lines)[:32]
    try:
        rows, notes = json.loads(read_kept("settled", key) or "")
        found = [Requirement(**{**row, "hashes": tuple(row["hashes"])}) for row in rows]
    except ValueError:
        found, notes = settle(lock.requirements, python, platform)
        keep("settled", key, json.dumps([[asdict(one) for one in found], notes]))
    return replace(lock, requirements=tuple(found)), notes
