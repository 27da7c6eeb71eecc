"""Building a bundle: from a commit to one file. The stages are functions; this one calls them in order."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django_deploykit.bundle import inside, layers
from django_deploykit.bundle.environment import Environment, Target, ensure_environment, find_target
from django_deploykit.bundle.formats.pylock import read_pylock
from django_deploykit.bundle.lock import (
    CANDIDATES,
    Lock,
    Requirement,
    judge,
    missing_lock,
    parse_requirements,
)
from django_deploykit.bundle.sbom import make_sbom
from django_deploykit.bundle.scratch import scratch
from django_deploykit.bundle.source import Commit, export, find_commit
from django_deploykit.bundle.uv import run_uv
from django_deploykit.bundle.writer import DamagedLayer, write_bundle
from django_deploykit.errors import BundleError, Problems
from django_deploykit.progress import Progress
from django_deploykit.project import Project, load_project
from django_deploykit.runtime import __file__ as runtime_file
from django_deploykit.runtime.entry import main_text
from django_deploykit.runtime.manifest import FileEntry, Layer, Manifest, Process, tree_digest
from django_deploykit.serving.procfile import default_web, parse_procfile

_TAIL = 30  # lines of a failed command that are shown
# What commands of the project see of the caller's environment: no secret is among it.
_PASSED = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "NODE_OPTIONS",
    "npm_config_cache",
    "SSL_CERT_FILE",
    "NODE_EXTRA_CA_CERTS",
)


@dataclass(frozen=True)
class BuildRequest:
    """What to build: the project's HEAD, or ``rev``; ``output`` is a file or a folder."""

    project: Project
    rev: str = ""
    output: Path | None = None
    python: str = ""
    platform: str = ""


@dataclass(frozen=True)
class Built:
    """A bundle: where it is, what is in it, its SHA-256, and seconds by stage."""

    path: Path
    manifest: Manifest
    sha256: str
    size: int
    seconds: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


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
    timed = _Timed(progress)
    commit, untracked = find_commit(request.project.root, request.rev)
    if untracked:
        shown = ", ".join(untracked[:5]) + (
            f" and {len(untracked) - 5} more" if len(untracked) > 5 else ""
        )
        timed.note(f"not in the bundle, being untracked: {shown}")
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
        else _named(exported, project.name)
    )


def _named(exported: Project, name: str) -> Project:
    from dataclasses import replace

    return replace(exported, name=name)


def _assemble(
    request: BuildRequest,
    project: Project,
    commit: Commit,
    target: Target,
    folder: Path,
    timed: _Timed,
) -> Built:
    lock = read_lock(project, folder)
    environment = ensure_environment(lock, target, folder, timed)
    native = _native(environment, lock, target, folder, timed)
    _note_environment(environment, lock, timed)
    _run_build_commands(project, native, folder, timed)
    with timed.step("collectstatic"):
        facts = ask_inside(project, native, folder)
    with timed.step("layers"):
        own = _own_layers(facts, folder, target)
    manifest_of: Callable[[tuple[Layer, ...]], Manifest] = lambda all_layers: make_manifest(  # noqa: E731
        project, commit, target, environment, lock, facts, all_layers, folder
    )
    manifest = manifest_of((*environment.layers, *own))
    path = _output(request, manifest)
    with timed.step("write"):
        sha256, size = _write(path, manifest, facts, commit)
    layers.forget_unused(layer.sha256 for layer in manifest.layers)
    return Built(path, manifest, sha256, size, timed.seconds, tuple(timed.notes))


def _native(
    environment: Environment, lock: Lock, target: Target, folder: Path, timed: _Timed
) -> Environment:
    """Return an environment that runs on this machine, to run the project's own commands with."""
    if not target.foreign:
        return environment
    return ensure_environment(lock, find_target(target.python, ""), folder, timed, packed=False)


def _note_environment(environment: Environment, lock: Lock, timed: _Timed) -> None:
    if environment.built:
        timed.note(
            f"built from source, for this machine's C library: {', '.join(environment.built)}"
        )
    for line in environment.missing:
        timed.note(f"the lock is incomplete: {line}")
    if lock.unhashed:
        timed.note(f"{lock.path} holds requirements without hashes; the manifest says so")


def read_lock(project: Project, folder: Path) -> Lock:
    """Return the judged lock of an exported project."""
    name = project.lock or next((one for one in CANDIDATES if (folder / one).is_file()), "")
    if not name or not (folder / name).is_file():
        names = sorted(path.name for path in folder.iterdir())
        what = (
            f"the lock file {name} is not in the commit"
            if name
            else "the commit holds no lock file"
        )
        raise BundleError(f"{what}; looked for {', '.join(CANDIDATES)}", missing_lock(names))
    lock = Lock(name, tuple(_requirements(name, folder, project.extras)))
    judge(lock, allow_unhashed=project.allow_unhashed)
    return lock


def _requirements(name: str, folder: Path, extras: tuple[str, ...]) -> list[Requirement]:
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
            folder,
            f"reading {name}",
        )
        return parse_requirements(text, name)[0]
    if name.endswith(".toml"):
        return read_pylock(_toml(folder / name), name)
    return _with_includes(name, folder, set())


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


def _with_includes(name: str, folder: Path, seen: set[str]) -> list[Requirement]:
    """Return a requirements file's requirements and those of the files that it includes."""
    if name in seen:
        return []
    seen.add(name)
    path = folder / name
    if not path.is_file() or not path.resolve().is_relative_to(folder.resolve()):
        raise BundleError(f"{name} is included but not in the commit")
    found, included = parse_requirements(path.read_text(encoding="utf-8-sig"), name)
    for other in included:
        found += _with_includes(
            os.path.normpath(os.path.join(os.path.dirname(name), other)), folder, seen
        )
    return found


def _scrubbed(project: Project, environment: Environment) -> dict[str, str]:
    """Return the environment for the project's own commands: the locked Python first, no secrets."""
    env = {key: os.environ[key] for key in _PASSED if key in os.environ}
    binaries = str(environment.folder / "venv" / "bin")
    env |= {
        "PATH": f"{binaries}:{env.get('PATH', os.defpath)}",
        "VIRTUAL_ENV": str(environment.folder / "venv"),
        "DEPLOYKIT_BUILD": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "TZ": "UTC",
    }
    if project.settings:
        env["DJANGO_SETTINGS_MODULE"] = project.settings
    return env


def _run_build_commands(
    project: Project, environment: Environment, folder: Path, timed: _Timed
) -> None:
    for command in project.build:
        with timed.step(f"build: {command}"):
            done = subprocess.run(
                command,
                shell=True,
                cwd=folder,
                env=_scrubbed(project, environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            )
        if done.returncode:
            tail = "\n".join(f"  {line}" for line in done.stdout.splitlines()[-_TAIL:])
            raise BundleError(
                f"the build command failed with exit code {done.returncode}: {command}\n{tail}",
                "It ran in a clean export of the commit: what it needs must be committed.",
            )


def ask_inside(project: Project, environment: Environment, folder: Path) -> dict[str, Any]:
    """Start the project once with the locked environment: what it is, and its static files collected."""
    answer = folder.parent / "answer.json"
    done = subprocess.run(
        [environment.python, str(Path(inside.__file__)), str(answer)],
        cwd=folder,
        env=_scrubbed(project, environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    try:
        facts: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        tail = "\n".join(f"  {line}" for line in done.stdout.splitlines()[-_TAIL:])
        raise BundleError(
            f"the project cannot be started (exit code {done.returncode}):\n{tail}"
        ) from None
    if facts["problem"]:
        raise _project_problem(facts, folder)
    return facts


_STAGES = {
    "settings": (
        "the settings do not import",
        "They must import without secrets: DEPLOYKIT_BUILD=1 is set while building.",
    ),
    "setup": (
        "Django cannot be set up with the locked dependencies",
        "Is everything that the project imports in the lock?",
    ),
    "facts": ("the settings cannot be read", ""),
    "collectstatic": ("collectstatic failed", "Try: manage.py collectstatic --dry-run --noinput"),
}


def _project_problem(facts: dict[str, Any], folder: Path) -> BundleError:
    what, hint = _STAGES.get(facts["stage"], ("the project cannot be started", ""))
    where = f"{facts['where']}: " if facts["where"] else ""
    problem = str(facts["problem"]).replace(f"{folder}{os.sep}", "")
    if "ModuleNotFoundError" in problem:
        hint = "Add what is missing to the lock, or take it out of INSTALLED_APPS."
    return BundleError(f"{what}: {where}{problem}", hint)


def _own_layers(facts: dict[str, Any], folder: Path, target: Target) -> list[Layer]:
    """Pack what is the project's own: the export, and the collected static files apart from it."""
    static = Path(facts["static_root"]) if facts["static_root"] and facts["staticfiles"] else None
    app: list[tuple[str, str]] = []
    collected: list[tuple[str, str]] = []
    for path, names, files in os.walk(folder):
        names[:] = sorted(name for name in names if name not in ("__pycache__", ".git"))
        inside_static = static is not None and Path(path).resolve().is_relative_to(static.resolve())
        rows = collected if inside_static else app
        for name in files:
            source = os.path.join(path, name)
            if (
                not name.endswith(".pyc")
                and os.path.isfile(source)
                and not _node_modules(path, folder)
            ):
                rows.append((f"app/{os.path.relpath(source, folder)}", source))
    trees = [layers.Tree("app", "app", "", tuple(sorted(app)))]
    if collected:
        trees.append(layers.Tree("static", "static", "", tuple(sorted(collected))))
    return layers.pack_all(trees, target.executable)


def _node_modules(path: str, folder: Path) -> bool:
    """Whether a folder is what a front-end build installed for itself: it is no part of the site."""
    return "node_modules" in Path(path).relative_to(folder).parts


def make_manifest(
    project: Project,
    commit: Commit,
    target: Target,
    environment: Environment,
    lock: Lock,
    facts: dict[str, Any],
    all_layers: tuple[Layer, ...],
    folder: Path,
) -> Manifest:
    """Put the manifest together."""
    static = (
        os.path.relpath(facts["static_root"], folder.resolve())
        if facts["static_root"] and facts["staticfiles"]
        else ""
    )
    ordered = sorted(all_layers, key=lambda one: (one.kind, one.name))
    return Manifest(
        project=project.name,
        release_id=commit.release_id,
        commit=commit.sha,
        commit_time=commit.time,
        tree=commit.tree,
        tag=commit.tag,
        branch="",  # the same commit is the same bundle, whatever branch it is built on
        settings_module=facts["settings_module"],
        wsgi=facts["wsgi"],
        asgi=facts["asgi"],
        static_root=f"app/{static}" if static else "",
        static_url=facts["static_url"],
        python=target.python,
        python_full=target.full,
        platform=environment.platform,
        glibc=environment.glibc,
        layers=tuple(ordered),
        processes=_processes(
            facts, folder, {layer.name for layer in ordered if layer.kind == "distribution"}
        ),
        required=tuple(facts["required"]),
        unhashed=lock.unhashed,
        runtime=runtime_digest(),
    )


def _processes(facts: dict[str, Any], folder: Path, names: set[str]) -> tuple[Process, ...]:
    procfile = folder / "Procfile"
    found = parse_procfile(procfile.read_text(encoding="utf-8-sig")) if procfile.is_file() else ()
    if not any(process.name == "web" for process in found):
        web = default_web(facts["wsgi"], facts["asgi"], uvicorn="uvicorn" in names)
        found = (*((web,) if web else ()), *found)
    lacking = [
        f"{process.name}: {process.command}"
        for process in found
        if process.command.split()[0] == "gunicorn" and "gunicorn" not in names
    ]
    if lacking:
        raise Problems(
            "gunicorn is not among the locked dependencies, and these processes run it:",
            lacking,
            "Add gunicorn to the project's requirements (django-deploykit brings it along) and lock again.",
        )
    return found


def _runtime_files() -> dict[str, bytes]:
    folder = Path(runtime_file).parent
    return {f"runtime/{path.name}": path.read_bytes() for path in sorted(folder.glob("*.py"))}


def runtime_digest() -> str:
    """Return the digest of the runtime that bundles built now carry."""
    import hashlib

    return tree_digest(
        [
            FileEntry(name, 0o644, len(data), hashlib.sha256(data).hexdigest())
            for name, data in _runtime_files().items()
        ]
    )


def _output(request: BuildRequest, manifest: Manifest) -> Path:
    """Return where the bundle goes: the file or folder that was named, or ``.deploykit/bundles/``."""
    name = f"{manifest.project}-{manifest.release_id}.pyz"
    if request.output is None:
        return request.project.work / "bundles" / name
    if request.output.is_dir() or str(request.output).endswith(os.sep):
        return request.output / name
    return request.output


def _write(
    path: Path, manifest: Manifest, facts: dict[str, Any], commit: Commit
) -> tuple[str, int]:
    text = manifest.dumps()
    folder = layers.layer_folder()
    members = {
        "__main__.py": main_text(
            text, manifest.project, manifest.settings_module, manifest.release_id
        ).encode(),
        "manifest.json": text.encode(),
        "sample.ini": facts["sample"].encode(),
        "sbom.cdx.json": make_sbom(
            manifest.project,
            manifest.release_id,
            manifest.commit,
            manifest.commit_time,
            manifest.layers,
        ).encode(),
        **_runtime_files(),
    }
    try:
        for layer in manifest.layers:
            members[f"layers/{layer.sha256}.json"] = (folder / f"{layer.sha256}.json").read_bytes()
        return write_bundle(path, commit.time, members, manifest.layers, folder)
    except DamagedLayer as error:
        layers.judge_cached(str(error), folder)
        raise BundleError(
            f"the cached layer {str(error)[:12]} was damaged and has been thrown away",
            "Run the same command again.",
        ) from None
