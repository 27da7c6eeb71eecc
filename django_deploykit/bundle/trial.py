"""What a build of the project would refuse, found without building it.

It does what a build does first, with the same functions: it finds the commit, exports it, reads the
lock file and loads the project with the variables of a build. The tracked files come from the
working copy, so that an error can be corrected before it is committed. Nothing is installed, so the
packages come from this environment, without packages that are not locked.

A good result is cached for the same files and packages, because loading a project takes as long as
all other checks together.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from django_deploykit.bundle.assembly import find_processes, validate_programs
from django_deploykit.bundle.build import export_project
from django_deploykit.bundle.build_cache import cache_key, cached_text, keep_text
from django_deploykit.bundle.commands import WRITTEN, enclosed, project_environment, read_facts
from django_deploykit.bundle.files import Exported, all_files
from django_deploykit.bundle.installed_versions import validate_versions
from django_deploykit.bundle.load_errors import load_error, more_required
from django_deploykit.bundle.locks.base import LockFile, normal_name
from django_deploykit.bundle.locks.completeness import is_unnamed
from django_deploykit.bundle.locks.discovery import locate_locks, validate_deploykit
from django_deploykit.bundle.locks.joining import read_locks
from django_deploykit.bundle.locks.tools import ToolMissingError
from django_deploykit.bundle.outside import include_hint, validate_folders
from django_deploykit.bundle.own_layers import validate_paths
from django_deploykit.bundle.own_wheel import NotBuiltError, Site, validate_own_wheel
from django_deploykit.bundle.project_side import try_project
from django_deploykit.bundle.project_side.project_facts import ProjectFacts
from django_deploykit.bundle.run_uv import has_uv
from django_deploykit.bundle.scratch import scratch
from django_deploykit.bundle.source import (
    Commit,
    copy_changed,
    find_commit,
    some,
    validate_clean,
    working_changes,
)
from django_deploykit.bundle.subprocesses import Stopper, run_program
from django_deploykit.errors import DeployKitError
from django_deploykit.project import Project, load_project
from django_deploykit.runtime.base.files import hash_file
from django_deploykit.runtime.base.machine import here_platform

# The stages, in order. Each has its own check.
COMMIT, CLEAN, EXPORT, LOCK, VERSIONS, LOAD, PROCESSES, WHEEL = (
    "commit",
    "clean",
    "export",
    "lock",
    "versions",
    "load",
    "processes",
    "wheel",
)
STAGES = (COMMIT, CLEAN, EXPORT, LOCK, VERSIONS, LOAD, PROCESSES, WHEEL)
_KIND = "tried"  # of cached texts
_LIMIT = 30.0  # seconds to load the project and collect its static files
_MODULE = re.compile(r"No module named '([\w.]+)'")
_QUOTED = re.compile(r"'([^'\n]+)'")
_TRACK = (
    "Track it with git add, unless it is a secret or differs between machines: "
    "then the settings must not need it while building."
)


@dataclass(frozen=True)
class Trial:
    """What each stage refuses, and why a stage could not be tried. A stage in neither is fine."""

    refused: dict[str, DeployKitError] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Request:
    """What ``try_project`` is asked: fields of its JSON file.

    ``locked`` are the names of the locked distributions, or None if they are not known. ``top`` is
    the repository, in which only ``local`` folders are locked. ``applications`` are named in the
    Procfile, and ``collecting`` is whether to collect static files.
    """

    top: str
    locked: tuple[str, ...] | None = None
    local: tuple[str, ...] = ()
    applications: tuple[str, ...] = ()
    collecting: bool = True


@dataclass(frozen=True)
class _Copy:
    """The working copy: its project's folder, the last commit, and what can end its trial."""

    root: Path
    commit: Commit
    stopper: Stopper | None = None


def try_build(
    project: Project,
    applications: Sequence[str] = (),
    apps: Sequence[str] = (),
    limit: float = _LIMIT,
    stopper: Stopper | None = None,
    folders: Sequence[Path] | None = None,
) -> Trial:
    """Try the stages of a build before anything is installed.

    The processes run the ``applications``, and ``apps`` are those of INSTALLED_APPS. ``limit`` is
    the time to load the project, in seconds. ``stopper`` can end that. ``folders`` are those that
    the settings name. If they are None, the project's own wheel is not built.
    """
    trial, root = Trial(), project.root
    try:
        commit, _ = find_commit(root, "HEAD")
        changed, _ = working_changes(root)
    except DeployKitError as error:
        trial.refused[COMMIT] = error
        return _without(trial, STAGES[1:], "a bundle is made from a commit, and there is none")
    try:
        validate_clean(changed)
    except DeployKitError as error:
        trial.refused[CLEAN] = error
    own = None if folders is None else Site(_modules(project, apps), tuple(folders))
    key = _key(project, commit, changed, (*applications, *apps, repr(own)))
    if cached_text(_KIND, key) is not None:
        return trial
    with scratch() as place:
        try:
            project, exported, _ = export_project(commit, place)
            project, exported = _overlay(commit, exported, changed)
            validate_paths(sorted(exported.committed), exported.folder)
        except (DeployKitError, OSError) as error:
            trial.refused[EXPORT] = _as_error(error)
            return _without(trial, STAGES[3:], "the commit cannot be exported")
        lock, problem = _read(project, commit, exported, trial)
        _compare(lock, problem, apps, trial)
        request = _request(project, commit, exported, lock, applications)
        request = replace(request, collecting=not project.build)
        copy = _Copy(root, commit, stopper)
        facts = _load(project, exported, request, limit, trial, copy)
        if facts is not None and lock is not None:
            _try_processes(facts, exported, lock, trial)
        elif PROCESSES not in trial.unknown:
            trial.unknown[PROCESSES] = problem or "the project does not load"
    if own is not None:
        _try_wheel(copy, changed, own, limit, trial)
    if not ({*trial.refused} - {CLEAN} or trial.unknown):
        with suppress(OSError):  # the cache cannot be written
            keep_text(_KIND, key, "good")
    return trial


def _key(project: Project, commit: Commit, changed: Sequence[str], named: Sequence[str]) -> str:
    """Return the cache key of a good result: of the tracked files and the installed packages."""
    now = [path for path in changed if (commit.top / path).is_file()]
    digests = [f"{path}:{hash_file(commit.top / path)}" for path in now]
    gone = [path for path in changed if path not in now]
    folders = [one for one in sys.path if os.path.isdir(one)]
    packages = sorted(name for one in folders for name in os.listdir(one) if ".dist-info" in name)
    words = [commit.sha, commit.prefix, str(commit.top), project.settings, project.configuration]
    return cache_key(*words, sys.executable, sys.version, *digests, *gone, *packages, *named)


def _without(trial: Trial, stages: Sequence[str], reason: str) -> Trial:
    trial.unknown.update(dict.fromkeys(stages, reason))
    return trial


def _as_error(error: Exception) -> DeployKitError:
    return error if isinstance(error, DeployKitError) else DeployKitError(str(error))


def _overlay(
    commit: Commit, exported: Exported, changed: Sequence[str]
) -> tuple[Project, Exported]:
    """Copy the changed tracked files of the working copy into the export."""
    copy_changed(commit.top, exported.top, changed)
    project = load_project(exported.folder, exported.top)
    return project, replace(exported, committed=frozenset(all_files(exported.folder)))


def _read(
    project: Project, commit: Commit, exported: Exported, trial: Trial
) -> tuple[LockFile | None, str]:
    """Return the lock file, or None and the reason."""
    try:
        places = locate_locks(project, commit, exported.top)
        tools = [place.name for place in places if place.reader.needs_tool]
        if tools and not has_uv():
            trial.unknown[LOCK] = f"{tools[0]} can be read with the extra: django-deploykit[deploy]"
            return None, trial.unknown[LOCK]
        python = project.python or "{}.{}".format(*sys.version_info)
        platform = project.platform or here_platform()
        lock = read_locks(places, project, exported.top, python, platform)
        validate_deploykit(lock, exported.folder, project.settings)
    except ToolMissingError as error:
        trial.unknown[LOCK] = error.message
        return None, trial.unknown[LOCK]
    except DeployKitError as error:
        trial.refused[LOCK] = error
        return None, "the lock file cannot be used"
    return lock, ""


def _compare(lock: LockFile | None, problem: str, apps: Sequence[str], trial: Trial) -> None:
    if lock is None:
        trial.unknown[VERSIONS] = problem
        return
    try:
        validate_versions(lock, apps)
    except DeployKitError as error:
        trial.refused[VERSIONS] = error


def _modules(project: Project, apps: Sequence[str]) -> tuple[str, ...]:
    """Return the first names of the modules that a site is made of."""
    return tuple(dict.fromkeys(one.partition(".")[0] for one in (project.settings, *apps) if one))


def _try_wheel(copy: _Copy, changed: Sequence[str], own: Site, limit: float, trial: Trial) -> None:
    try:
        validate_own_wheel(copy.commit, changed, own, limit, copy.stopper)
    except (NotBuiltError, OSError) as error:
        trial.unknown[WHEEL] = _as_error(error).message
    except DeployKitError as error:
        trial.refused[WHEEL] = error


def _request(
    project: Project,
    commit: Commit,
    exported: Exported,
    lock: LockFile | None,
    applications: Sequence[str],
) -> Request:
    top = os.path.realpath(commit.top)
    if lock is None or any(is_unnamed(one) for one in lock.requirements):
        return Request(top, applications=tuple(applications))
    product = locate_locks(project, commit, exported.top)[0]
    base = os.path.join(top, os.path.relpath(product.folder, exported.top))
    local = (one.target.partition("#")[0] for one in lock.requirements if one.local)
    folders = (os.path.normpath(os.path.join(base, path)) for path in local)
    names = sorted({normal_name(one.distribution) for one in lock.requirements})
    return Request(top, tuple(names), tuple(folders), tuple(applications))


def _load(
    project: Project, exported: Exported, request: Request, limit: float, trial: Trial, copy: _Copy
) -> ProjectFacts | None:
    """Load the project in the export. Return its facts, or None if it does not load."""
    place = exported.place
    answer, _, temporary = (place / name for name in WRITTEN)
    asked = place / "request.json"
    asked.write_text(json.dumps(asdict(request)), encoding="utf-8")
    temporary.mkdir(exist_ok=True)
    command = [
        sys.executable,
        str(Path(try_project.__file__)),
        *map(str, (answer, place.resolve(), asked)),
    ]
    env = enclosed(project_environment(project, sys.prefix), place)

    def load(given: Mapping[str, str]) -> ProjectFacts:
        given = {**env, **given}
        done = run_program(
            command, exported.folder, given, merge=True, timeout=limit, stopper=copy.stopper
        )
        return read_facts(answer, done)

    def load_again(given: Mapping[str, str]) -> ProjectFacts | None:
        with suppress(subprocess.TimeoutExpired, DeployKitError):
            return load(given)
        return None

    try:
        facts = load({})
    except subprocess.TimeoutExpired:
        what = "static files were not collected" if answer.exists() else "the project did not load"
        trial.unknown[LOAD] = f"{what} within {limit:g} s"
        return (
            read_facts(answer, subprocess.CompletedProcess(command, 0)) if answer.exists() else None
        )
    except DeployKitError as error:
        trial.refused[LOAD] = error
        return None
    if not facts.problem:
        try:
            validate_folders(facts.outside, copy.commit)
        except DeployKitError as error:
            trial.refused[LOAD] = error
        return facts
    reason = _why_unknown(facts, project, copy.root)
    if reason:
        trial.unknown[LOAD] = reason
    else:
        required = more_required(facts, project.root, load_again)
        trial.refused[LOAD] = _explained(facts, project, copy, required)
    return None


def _explained(
    facts: ProjectFacts, project: Project, copy: _Copy, required: Sequence[str]
) -> DeployKitError:
    """Return the error, with a hint that says where the missing file or module is, if it is here."""
    error = load_error(facts, project.root, project.name, required)
    beside = include_hint(facts.missing, copy.commit) if facts.missing else ""
    if beside:
        return DeployKitError(error.message, beside)
    path = _untracked(facts.problem, project.root, copy.root)
    hint = f"git does not track {path}, so a build does not have it. {_TRACK}"
    return DeployKitError(error.message, hint) if path else error


def _why_unknown(facts: ProjectFacts, project: Project, root: Path) -> str:
    """Return why a build may load the project although it did not load here, or ""."""
    problem = facts.problem
    if facts.connects:
        return f"loading the project connects to {facts.connects}"
    if not problem.startswith(("FileNotFoundError", "ModuleNotFoundError")):
        return ""
    if project.build:
        return f"the build commands, which may make what is missing, were not run: {problem}"
    match = _MODULE.search(problem)
    top = match[1].partition(".")[0] if match else ""
    if top and facts.absent and top not in facts.hidden and not _has_module(root, top):
        return f"locked packages are not installed here ({some(facts.absent)}): {problem}"
    return ""


def _has_module(folder: Path, name: str) -> bool:
    base = folder.joinpath(*name.split("."))
    return base.is_dir() or base.with_suffix(".py").is_file()


def _untracked(problem: str, folder: Path, root: Path) -> str:
    """Return the file that an error names, if only the working copy, ``root``, has it, or ""."""
    top = os.path.realpath(folder)
    for name in _QUOTED.findall(problem):
        path = os.path.relpath(os.path.join(top, name), top)
        modules = name.replace(".", "/")
        for one in (path, f"{modules}.py", f"{modules}/__init__.py", os.path.dirname(path)):
            inside = one and not one.startswith("..")
            if inside and (root / one).exists() and not (folder / one).exists():
                return one
    return ""


def _try_processes(facts: ProjectFacts, exported: Exported, lock: LockFile, trial: Trial) -> None:
    names = {normal_name(one.distribution) for one in lock.requirements}
    try:
        found = find_processes(facts, exported.folder, names)
        if not any(is_unnamed(one) for one in lock.requirements):
            scripts = entry_points(group="console_scripts")
            validate_programs(found, {one.name for one in scripts if _is_foreign(one, names)})
    except DeployKitError as error:
        trial.refused[PROCESSES] = error


def _is_foreign(script: EntryPoint, names: Collection[str]) -> bool:
    """Whether a program is only in this environment, because its distribution is not locked."""
    owner = normal_name(script.dist.name) if script.dist else ""
    return bool(owner) and not any(owner == one or owner.startswith(f"{one}-") for one in names)
