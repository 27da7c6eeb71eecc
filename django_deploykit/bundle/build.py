"""Building a bundle file from a commit. Each stage is a function that this module calls."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from django_deploykit.bundle import build_cache, formats, stores
from django_deploykit.bundle.assembly import make_content, make_manifest, own_layers
from django_deploykit.bundle.commands import ProjectAnswer, run_build
from django_deploykit.bundle.environment import (
    InstalledEnvironment,
    TargetPython,
    ensure_environment,
    find_target,
)
from django_deploykit.bundle.formats.base import Content
from django_deploykit.bundle.locks.base import LockFile
from django_deploykit.bundle.locks.discovery import locate_lock, read_lock, validate_lock
from django_deploykit.bundle.locks.markers import resolve
from django_deploykit.bundle.scratch import scratch
from django_deploykit.bundle.source import Commit, export, find_commit, materialise_links
from django_deploykit.bundle.static_cache import collect, keep
from django_deploykit.bundle.stores.base import file_name
from django_deploykit.errors import BundleError
from django_deploykit.progress import Progress
from django_deploykit.project import Project, load_project
from django_deploykit.runtime.bundle.manifest import Manifest

_NO_SPACE = "Free some space, or set TMPDIR to a folder on another disk."


@dataclass(frozen=True)
class BuildRequest:
    """What to build, and where to write it.

    The commit is ``rev``, or HEAD by default. The bundle is written to the file or folder
    ``output``, or to the store if that is None.
    """

    project: Project
    rev: str = ""
    output: Path | None = None
    python: str = ""
    platform: str = ""
    into_folder: bool = False  # whether ``output`` is a folder even if it does not exist
    fresh: bool = False  # whether to collect static files again even if nothing changed
    format: str = formats.DEFAULT
    store: str = stores.DEFAULT


@dataclass(frozen=True)
class Built:
    """A bundle: its path, manifest, SHA-256, size in bytes, and the seconds of each stage."""

    path: Path
    manifest: Manifest
    sha256: str
    size: int
    seconds: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    tag: str = ""  # of the commit, in this clone


class _Timed:
    """A progress display that also records notes and the duration of each step."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.seconds: dict[str, float] = {}
        self.notes: list[str] = []
        self.advance, self.at = progress.advance, progress.at

    @contextmanager
    def step(self, name: str, hosts: Sequence[str] = ()) -> Iterator[None]:
        begun = time.monotonic()
        with self._progress.step(name, hosts):
            yield
        self.seconds[name] = round(time.monotonic() - begun, 3)

    def note(self, text: str) -> None:
        self.notes.append(text)
        self._progress.note(text)


def build(request: BuildRequest, progress: Progress) -> Built:
    """Build a bundle. If it cannot be built, raise :class:`BundleError` and leave no files."""
    try:
        return _build(request, _Timed(progress))
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        hint = _NO_SPACE if error.errno == errno.ENOSPC else ""
        message = f"the bundle cannot be built:{where} {error.strerror or error}"
        raise BundleError(message, hint) from None


def _build(request: BuildRequest, timed: _Timed) -> Built:
    commit, untracked = find_commit(request.project.root, request.rev)
    if untracked:
        timed.note(f"untracked files are not in the bundle: {_some(untracked)}")
    with scratch() as place:
        folder = place / "export"
        with timed.step("export"):
            export(commit, folder)
        project = _exported_project(folder, request.project)
        target = find_target(request.python or project.python, request.platform or project.platform)
        content = _assemble(request, project, commit, target, folder, timed)
        path = _output(request, content.manifest)
        with timed.step("write"):
            sha256, size = write(content, path, request.format)
    build_cache.prune(layer.sha256 for layer in content.manifest.layers)
    if request.output is None:
        stores.STORES[request.store].add(request.project, path)
    notes = tuple(timed.notes)
    return Built(path, content.manifest, sha256, size, timed.seconds, notes, commit.tag)


def _exported_project(folder: Path, project: Project) -> Project:
    """Return the project in the export, with the commit's deploykit.ini."""
    if not (folder / "manage.py").is_file():
        raise BundleError("the commit has no manage.py", "Add it: git add manage.py && git commit")
    exported = load_project(folder)
    named = exported.ini.sections.get("project", {}).get("name")
    return exported if named else replace(exported, name=project.name)


def _assemble(
    request: BuildRequest,
    project: Project,
    commit: Commit,
    target: TargetPython,
    folder: Path,
    timed: _Timed,
) -> Content:
    where, name = locate_lock(project, commit, folder, folder.parent)
    lock = read_lock(where, name, project.extras)
    validate_lock(lock, allow_unhashed=project.allow_unhashed)
    lock, notes = resolve(lock, target.python, target.platform)
    environment = ensure_environment(lock, target, where, timed)
    native = environment  # the one that runs on this machine
    if target.foreign:
        here = find_target(target.python, "")
        native = ensure_environment(lock, here, where, timed, packed=False)
    for text in (*notes, *_environment_notes(environment, lock)):
        timed.note(text)
    for command in project.build:
        with timed.step(f"build: {command}"):
            run_build(command, project, native, folder)
    if project.build:
        materialise_links(folder)
    with timed.step("collectstatic"):
        collected = collect(project, native, target, folder, fresh=request.fresh)
    if collected.reused:
        timed.note("settings and static files unchanged; reusing them")
    answer = collected.answer
    validate_name(answer, project.name)
    for text in _answer_notes(answer):
        timed.note(text)
    with timed.step("layers"):
        own = own_layers(collected, folder, target)
        keep(collected, next((one for one in own if one.kind == "static"), None))
    layers = (*environment.layers, *own)
    manifest = make_manifest(
        project, commit, target, environment, lock, answer.facts, layers, folder
    )
    return make_content(manifest, target, lock, answer.facts["sample"])


def _environment_notes(environment: InstalledEnvironment, lock: LockFile) -> Iterator[str]:
    if environment.built:
        yield f"built from source on this machine: {', '.join(environment.built)}"
    for line in environment.missing:
        yield f"the lock file is incomplete: {line}"
    for line in environment.shared:
        yield f"several distributions have the same file: {line}"
    if lock.unhashed:
        yield f"{lock.path} has requirements without hashes; the manifest records it"


def validate_name(answer: ProjectAnswer, name: str) -> None:
    """Refuse settings that read the configuration of another project: a release would not write it."""
    read = list(dict.fromkeys(answer.facts.get("configs", [])))
    if read and name not in read:
        raise BundleError(
            f'the settings read the configuration of {read[0]}, Config("{read[0]}"), '
            f"but the project's name is {name}",
            f'Write Config("{name}"), or set name = {read[0]} in [project] of deploykit.ini.',
        )


def _answer_notes(answer: ProjectAnswer) -> Iterator[str]:
    if answer.stray:
        yield f"files written while the settings were loaded are not in the bundle: {_some(answer.stray)}"
    if answer.facts["staticfiles"] and not answer.facts["static_root"]:
        yield "STATIC_ROOT is not set: no static files were collected"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more


def _output(request: BuildRequest, manifest: Manifest) -> Path:
    """Return the path to write: in the requested file or folder, or in the store."""
    suffix = formats.FORMATS[request.format].suffix
    name = file_name(manifest.project, manifest.release_id, suffix)
    if request.output is None:
        return stores.STORES[request.store].path(request.project, name)
    if request.into_folder or request.output.is_dir():
        return request.output / name
    return request.output


def write(content: Content, path: Path, format: str = formats.DEFAULT) -> tuple[str, int]:  # noqa: A002 - the option's name
    """Write a bundle, completely or not at all. Return its SHA-256 and its size in bytes."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with scratch(path.parent) as place:
            result = formats.FORMATS[format].write(content, place / path.name)
            os.replace(place / path.name, path)
    except OSError as error:
        hint = "Free some space, or use --output on another disk."
        message = f"{path} cannot be written: {error.strerror}"
        raise BundleError(message, hint if error.errno == errno.ENOSPC else "") from None
    return result
