"""Building a bundle: from a commit to one file. The stages are functions; this one calls them in order."""

from __future__ import annotations

import errno
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from django_deploykit.bundle import layers
from django_deploykit.bundle.assembly import make_manifest, own_layers, write
from django_deploykit.bundle.bundle_folder import file_name, forget_old, kept_path
from django_deploykit.bundle.commands import Answer, ask, run_build
from django_deploykit.bundle.environment import Environment, Target, ensure_environment, find_target
from django_deploykit.bundle.locks.base import Lock
from django_deploykit.bundle.locks.discovery import lock_folder, read_lock, settled
from django_deploykit.bundle.scratch import scratch
from django_deploykit.bundle.source import Commit, export, find_commit, materialise_links
from django_deploykit.bundle.static_cache import make_question, recall, remember, sources_of
from django_deploykit.errors import BundleError
from django_deploykit.progress import Progress
from django_deploykit.project import Project, load_project
from django_deploykit.runtime.bundle.manifest import Manifest


@dataclass(frozen=True)
class BuildRequest:
    """What to build: the project's HEAD, or ``rev``; ``output`` is a file or a folder."""

    project: Project
    rev: str = ""
    output: Path | None = None
    python: str = ""
    platform: str = ""
    into_folder: bool = False  # whether ``output`` is a folder even where there is none yet


@dataclass(frozen=True)
class Built:
    """A bundle: where it is, what is in it, its SHA-256, and seconds by stage."""

    path: Path
    manifest: Manifest
    sha256: str
    size: int
    seconds: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    tag: str = ""  # of the commit, in this clone


class _Timed:
    """A progress that also keeps how long each step took."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.seconds: dict[str, float] = {}
        self.notes: list[str] = []

    @contextmanager
    def step(self, name: str, hosts: Sequence[str] = ()) -> Iterator[None]:
        begun = time.monotonic()
        with self._progress.step(name, hosts):
            yield
        self.seconds[name] = round(time.monotonic() - begun, 3)

    def advance(self, done: int, total: int, host: str = "") -> None:
        self._progress.advance(done, total, host)

    def at(self, host: str, step: str, state: str, detail: str = "") -> None:
        self._progress.at(host, step, state, detail)

    def note(self, text: str) -> None:
        self.notes.append(text)
        self._progress.note(text)


def build(request: BuildRequest, progress: Progress) -> Built:
    """Build the bundle; raises :class:`BundleError` and leaves nothing behind where it cannot."""
    try:
        return _build(request, _Timed(progress))
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        hint = "Free some space, or set TMPDIR to a folder on another disk."
        raise BundleError(
            f"the bundle cannot be built:{where} {error.strerror or error}",
            hint if error.errno == errno.ENOSPC else "",
        ) from None


def _build(request: BuildRequest, timed: _Timed) -> Built:
    commit, untracked = find_commit(request.project.root, request.rev)
    if untracked:
        timed.note(f"not in the bundle, being untracked: {_some(untracked)}")
    with scratch() as place:
        folder = place / "export"
        with timed.step("export"):
            export(commit, folder)
        project = _exported_project(folder, request.project)
        target = find_target(request.python or project.python, request.platform or project.platform)
        return _assemble(request, project, commit, target, folder, timed)


def _exported_project(folder: Path, project: Project) -> Project:
    """Return the project as the commit has it: its own deploykit.ini counts, not the working copy's."""
    if not (folder / "manage.py").is_file():
        raise BundleError(
            "the commit holds no manage.py", "Add it: git add manage.py && git commit"
        )
    exported = load_project(folder)
    return (
        exported
        if exported.ini.sections.get("project", {}).get("name")
        else replace(exported, name=project.name)
    )


def _assemble(
    request: BuildRequest,
    project: Project,
    commit: Commit,
    target: Target,
    folder: Path,
    timed: _Timed,
) -> Built:
    where, name = lock_folder(project, commit, folder, folder.parent)
    lock = _lock(project, where, name, target, timed)
    environment = ensure_environment(lock, target, where, timed)
    native = _native(environment, lock, target, where, timed)
    _note_environment(environment, lock, timed)
    for command in project.build:
        with timed.step(f"build: {command}"):
            run_build(command, project, native, folder)
    if project.build:
        materialise_links(folder)
    with timed.step("collectstatic"):
        question = make_question(project, native, target, folder)
        known = recall(question)
        answer = known.answer if known else ask(project, native, folder)
        sources = None if known else sources_of(question, answer)
    if known:
        timed.note(
            "settings and static files are those of before: nothing that they come from changed"
        )
    _judge_name(answer, project.name)
    _note_answer(answer, timed)
    with timed.step("layers"):
        own = own_layers(answer, folder, target, known)
        static = next((one for one in own if one.kind == "static"), None)
        remember(question, answer, sources, static)
    all_layers = (*environment.layers, *own)
    manifest = make_manifest(
        project, commit, target, environment, lock, answer.facts, all_layers, folder
    )
    path = _output(request, manifest)
    with timed.step("write"):
        sha256, size = write(path, manifest, target, answer.facts, commit, lock)
    layers.forget_unused(layer.sha256 for layer in manifest.layers)
    if request.output is None:
        forget_old(request.project, manifest.project)
    return Built(path, manifest, sha256, size, timed.seconds, tuple(timed.notes), commit.tag)


def _lock(project: Project, where: Path, name: str, target: Target, timed: _Timed) -> Lock:
    lock, notes = settled(read_lock(project, where, name), target.python, target.platform)
    for text in notes:
        timed.note(text)
    return lock


def _native(
    environment: Environment, lock: Lock, target: Target, folder: Path, timed: _Timed
) -> Environment:
    """Return an environment that runs on this machine, to run the project's own commands with."""
    if not target.foreign:
        return environment
    return ensure_environment(lock, find_target(target.python, ""), folder, timed, packed=False)


def _note_environment(environment: Environment, lock: Lock, timed: _Timed) -> None:
    if environment.built:
        timed.note(f"built from source on this machine: {', '.join(environment.built)}")
    for line in environment.missing:
        timed.note(f"the lock is incomplete: {line}")
    for line in environment.shared:
        timed.note(f"several distributions hold one file: {line}")
    if lock.unhashed:
        timed.note(f"{lock.path} holds requirements without hashes; the manifest says so")


def _judge_name(answer: Answer, name: str) -> None:
    """Refuse settings that read another project's configuration: a release would write one for nobody."""
    read = list(dict.fromkeys(answer.facts.get("configs", [])))
    if read and name not in read:
        raise BundleError(
            f'the settings read the configuration of {read[0]}, Config("{read[0]}"), '
            f"but the project's name is {name}",
            f'Write Config("{name}"), or give deploykit.ini a section [project] with name = {read[0]}.',
        )


def _note_answer(answer: Answer, timed: _Timed) -> None:
    if answer.stray:
        timed.note(
            f"not in the bundle, being written while the settings were loaded: {_some(answer.stray)}"
        )
    if answer.facts["staticfiles"] and not answer.facts["static_root"]:
        timed.note("STATIC_ROOT is not set: no static files were collected")


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more


def _output(request: BuildRequest, manifest: Manifest) -> Path:
    """Return where the bundle goes: the file or folder that was named, or ``.deploykit/bundles/``."""
    if request.output is None:
        return kept_path(request.project, manifest.project, manifest.release_id)
    if request.into_folder or request.output.is_dir():
        return request.output / file_name(manifest.project, manifest.release_id)
    return request.output
