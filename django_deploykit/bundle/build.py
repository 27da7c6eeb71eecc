"""Building a bundle file from a commit. Each stage is a function that this module calls."""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from django_deploykit.bundle import build_cache, stores
from django_deploykit.bundle.after_collectstatic import run_after_collectstatic
from django_deploykit.bundle.assembly import iter_notes, make_content, make_manifest
from django_deploykit.bundle.build_inputs import literal_folder
from django_deploykit.bundle.build_results import run_builds
from django_deploykit.bundle.collecting import collect
from django_deploykit.bundle.commands import ProjectAnswer
from django_deploykit.bundle.content_ids import content_ids
from django_deploykit.bundle.environment import (
    InstalledEnvironment,
    TargetPython,
    ensure_environment,
    find_target,
)
from django_deploykit.bundle.export import bring, complete, export, export_without_assets
from django_deploykit.bundle.files import Exported, all_files
from django_deploykit.bundle.folder_wheels import folder_of
from django_deploykit.bundle.formats.base import Content, Written, find_format
from django_deploykit.bundle.interpreter_layer import (
    project_interpreter,
    project_target,
    with_interpreter,
)
from django_deploykit.bundle.load_errors import MissingModuleError
from django_deploykit.bundle.locks.base import LockFile
from django_deploykit.bundle.locks.discovery import (
    locate_locks,
    paths_above,
    validate_deploykit,
)
from django_deploykit.bundle.locks.joining import read_locks
from django_deploykit.bundle.locks.markers import resolve
from django_deploykit.bundle.locks.plugins import plugins_hint, validate_needs
from django_deploykit.bundle.outside import include_hint, validate_folders
from django_deploykit.bundle.own_layers import own_layers
from django_deploykit.bundle.relocatable import Interpreter
from django_deploykit.bundle.scratch import scratch
from django_deploykit.bundle.source import Commit, find_commit, some
from django_deploykit.bundle.static_cache import keep
from django_deploykit.conf.declarations import sample_of_variables
from django_deploykit.errors import BundleError
from django_deploykit.progress import Progress
from django_deploykit.project import Project, load_project
from django_deploykit.project.formats import DEFAULT
from django_deploykit.runtime.bundle.manifest import Manifest

_NO_SPACE = "Free some space, or set TMPDIR to a folder on another disk."


@dataclass(frozen=True)
class BuildRequest:
    """What to build, and where to write it.

    The commit is ``rev``, or HEAD by default. A file of each format is written to the file or
    folder ``output``, or to the store if that is None. Several formats need a folder.
    """

    project: Project
    rev: str = ""
    output: Path | None = None
    python: str = ""
    platform: str = ""
    into_folder: bool = False  # whether ``output`` is a folder even if it does not exist
    fresh: bool = False  # whether to build and collect static files again even if nothing changed
    formats: tuple[str, ...] = (DEFAULT,)
    store: str = stores.DEFAULT


@dataclass(frozen=True)
class BuiltFile:
    """A file of a bundle: its path, its SHA-256 in hex, its size in bytes, and its format."""

    path: Path
    sha256: str
    size: int
    format: str = DEFAULT
    signature: Path | None = None


@dataclass(frozen=True)
class Built:
    """A bundle: its manifest, a file of each format, and the seconds of each stage."""

    manifest: Manifest
    files: tuple[BuiltFile, ...]
    seconds: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    tag: str = ""  # of the commit, in this clone

    @property
    def path(self) -> Path:
        """The path of the first file."""
        return self.files[0].path


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
        before = self.seconds.get(name, 0)
        self.seconds[name] = round(before + time.monotonic() - begun, 3)

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
    validate_output(request)
    commit, untracked = find_commit(request.project.root, request.rev)
    if untracked:
        timed.note(f"untracked files are not in the bundle: {some(untracked)}")
    with scratch() as place:
        with timed.step("export"):
            project, exported, notes = export_project(commit, place, content_ids(commit))
        for text in notes:
            timed.note(text)
        asked = (request.python, request.platform)
        interpreter = project_interpreter(project, request.project.root, *asked)
        target = project_target(project, interpreter, *asked)
        content = _assemble(request, project, commit, target, exported, timed, interpreter)
        with timed.step("write"):
            files = tuple(_write_format(request, project, content, one) for one in request.formats)
    build_cache.prune(layer.sha256 for layer in content.manifest.layers)
    if request.output is None:
        for one in files:
            stores.STORES[request.store].add(request.project, one.path)
    return Built(content.manifest, files, timed.seconds, tuple(timed.notes), commit.tag)


def validate_output(request: BuildRequest) -> None:
    """Refuse one file for several formats."""
    output = request.output
    if len(request.formats) > 1 and output and not (request.into_folder or output.is_dir()):
        raise BundleError(
            f"{output} is one file, but {len(request.formats)} formats were asked for",
            f"Name a folder, with a slash at the end: --output {output}/",
        )


def export_project(
    commit: Commit, place: Path, ids: Mapping[str, str] | None = None
) -> tuple[Project, Exported, tuple[str, ...]]:
    """Export a commit below ``place``. Return its project, the export, and notes.

    The project has the commit's deploykit.ini, which names what else of the repository is needed.
    With the commit's content ids, assets may be missing (see :class:`Exported`).
    """
    top = place / "export"
    folder = top / commit.prefix
    notes: tuple[str, ...] = ()
    if ids:
        export_without_assets(commit, top)
    else:
        notes = export(commit, top)
    if not (folder / "manage.py").is_file():
        raise BundleError("the commit has no manage.py", "Add it: git add manage.py && git commit")
    above = [str(one / "pyproject.toml") for one in PurePosixPath(commit.prefix).parents]
    bring(commit, above, top)  # one of them may have the project's name
    project = load_project(folder, top)
    if ids and (project.build or project.after_collectstatic or project.include):
        complete(Exported(place, top, folder, frozenset(ids), commit, ids))
        ids = None  # other files may be added, or these changed
    texts = (*project.build, *project.after_collectstatic, *map(literal_folder, project.inputs))
    named = [path for text in texts for path in paths_above(text, commit.prefix)]
    notes += bring(commit, named, top)
    for text in project.include:
        notes += _include(text, commit, top)
    committed = frozenset(ids or all_files(folder))
    return project, Exported(place, top, folder, committed, commit, ids or {}), notes


def _include(text: str, commit: Commit, top: Path) -> tuple[str, ...]:
    """Copy a file or folder of the repository into the project's folder of the export."""
    path = os.path.normpath(os.path.join(commit.prefix, text))
    target = top / commit.prefix / os.path.basename(path)
    problem = ""
    notes: tuple[str, ...] = ()
    if path.startswith(("..", "/")) or f"{path}/".startswith(commit.prefix or "/"):
        problem = "is not beside the project's folder in its repository"
    elif os.path.lexists(target):
        problem = f"has the name of {target.name} in the project's folder"
    else:
        notes = bring(commit, [path], top)
        if not (top / path).exists():
            problem = "is not in the commit"
    if problem:
        raise BundleError(f"include in [bundle] of deploykit.ini: {text} {problem}")
    if (top / path).is_dir():
        shutil.copytree(top / path, target)
    else:
        shutil.copy2(top / path, target)
    return notes


def _assemble(
    request: BuildRequest,
    project: Project,
    commit: Commit,
    target: TargetPython,
    exported: Exported,
    timed: _Timed,
    interpreter: Interpreter | None,
) -> Content:
    folder = exported.folder
    environment, native, lock = _install(project, commit, target, exported, timed)
    if interpreter is not None:
        with timed.step("interpreter"):
            environment = with_interpreter(environment, interpreter, target)
    with _hint_at_includes(commit):
        run_builds(project, native, target, exported, timed, fresh=request.fresh)
    with timed.step("collectstatic"), _hint_at_includes(commit):
        collected = collect(project, native, target, exported, fresh=request.fresh)
    validate_folders(collected.answer.facts.outside, commit)
    if collected.reused:
        timed.note("settings and static files unchanged; reusing them")
    elif collected.groups is not None:
        timed.note("static files: collected what changed, and reused the others")
    answer = collected.answer
    root = answer.facts.static_root
    with _hint_at_includes(commit):
        run_after_collectstatic(project, native, exported, root, commit.time, timed)
    validate_name(answer, project.name)
    for text in _answer_notes(answer):
        timed.note(text)
    with timed.step("layers"):
        own, left_out = own_layers(collected, exported, target)
        keep(collected, [one for one in own if one.kind == "static"])
    if left_out:
        timed.note(f"written by the build, and not in the bundle: {some(left_out)}")
    layers = (*environment.layers, *own)
    manifest = make_manifest(
        project, commit, target, environment, lock, answer.facts, layers, folder
    )
    for text in iter_notes(answer.facts, folder, manifest):
        timed.note(text)
    variables = [name for name, _ in project.environment]
    sample = sample_of_variables(variables, project.name, answer.facts.sample)
    return make_content(manifest, target, lock, sample)


@contextmanager
def _hint_at_includes(commit: Commit) -> Iterator[None]:
    """Say of a missing module that it is in the repository, if it is."""
    try:
        yield
    except MissingModuleError as error:
        hint = include_hint(error.module, commit) or error.hint
        raise BundleError(error.message, hint) from None


def _install(
    project: Project,
    commit: Commit,
    target: TargetPython,
    exported: Exported,
    timed: _Timed,
) -> tuple[InstalledEnvironment, InstalledEnvironment, LockFile]:
    """Return the lock file's environment, the one that runs on this machine, and the lock file."""
    places = locate_locks(project, commit, exported.top)
    where = places[0].folder
    lock = read_locks(places, project, exported.top, target.python, target.platform)
    lock, notes = resolve(lock, target.python, target.platform)
    if any(folder_of(one, where) for one in lock.requirements):
        complete(exported)  # a wheel is built from it
    validate_deploykit(lock, exported.folder, project.settings)
    environment = ensure_environment(lock, target, where, timed)
    native = environment
    if target.foreign:
        here = find_target(target.python, "")
        native = ensure_environment(lock, here, where, timed, packed=False)
    validate_scripts(environment, project.name)
    if lock.plugins:
        hint = plugins_hint(places[0].reader, lock, lock.plugins)
        validate_needs(lock, native.missing, hint)
    for text in (*notes, *_environment_notes(environment, lock)):
        timed.note(text)
    return environment, native, lock


def validate_scripts(environment: InstalledEnvironment, name: str) -> None:
    """Refuse a distribution's program that has the name of the release's own command."""
    if (environment.folder / "venv" / "bin" / name).exists():
        raise BundleError(
            f"a locked distribution installs bin/{name}, which is the release's own command",
            "Set another name in [project] of deploykit.ini, or remove the distribution.",
        )


def _environment_notes(environment: InstalledEnvironment, lock: LockFile) -> Iterator[str]:
    if lock.left_out:
        yield f"groups and extras of {lock.path} that are left out: {', '.join(lock.left_out)}"
    if environment.built:
        yield f"built from source on this machine: {', '.join(environment.built)}"
    for line in environment.missing:
        yield f"the lock file is incomplete: {line}"
    if environment.unlisted:
        names = some(environment.unlisted)
        yield f"installed files are not in the bundle, because no RECORD lists them: {names}"
    for line in environment.shared:
        yield f"several distributions have the same file: {line}"
    if lock.unhashed:
        yield f"{lock.path} has requirements without hashes; the manifest records it"


def validate_name(answer: ProjectAnswer, name: str) -> None:
    """Refuse settings that read the configuration of another project: a release would not write it."""
    read = list(dict.fromkeys(answer.facts.configs))
    if read and name not in read:
        raise BundleError(
            f'the settings read the configuration of {read[0]}, Config("{read[0]}"), '
            f"but the project's name is {name}",
            f'Write Config("{name}"), or set name = {read[0]} in [project] of deploykit.ini.',
        )


def _answer_notes(answer: ProjectAnswer) -> Iterator[str]:
    if answer.stray:
        yield f"files written while the settings were loaded are not in the bundle: {some(answer.stray)}"
    if answer.facts.remote_static:
        yield (
            f"the static files are not in a folder but in {answer.facts.remote_static}: nothing "
            "was collected or uploaded; a release uploads them before it goes live"
        )
    elif answer.facts.staticfiles and not answer.facts.static_root:
        yield "STATIC_ROOT is not set: no static files were collected"


def _write_format(
    request: BuildRequest, project: Project, content: Content, name: str
) -> BuiltFile:
    """Write one format with its options in the commit's deploykit.ini."""
    path = output_path(request, content.manifest, name)
    options = project.formats.get(name, {})
    written = write(replace(content, options=options, folder=request.project.root), path, name)
    return BuiltFile(path, written.sha256, written.size, name)


def output_path(request: BuildRequest, manifest: Manifest, format: str) -> Path:  # noqa: A002 - the option's name
    """Return the path to write: in the requested file or folder, or in the store."""
    name = find_format(format).file_name(manifest)
    if request.output is None:
        return stores.STORES[request.store].path(request.project, name)
    if request.into_folder or request.output.is_dir():
        return request.output / name
    return request.output


def write(content: Content, path: Path, format: str = DEFAULT) -> Written:  # noqa: A002 - the option's name
    """Write a file of a bundle, completely or not at all."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with scratch(path.parent) as place:
            result = find_format(format).write(content, place / path.name)
            os.replace(place / path.name, path)
    except OSError as error:
        hint = "Free some space, or use --output on another disk."
        message = f"{path} cannot be written: {error.strerror}"
        raise BundleError(message, hint if error.errno == errno.ENOSPC else "") from None
    return result
