"""Putting a bundle together: the project's own layers, the manifest, the members of the file."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django_deploykit.bundle import layers, runtime_files
from django_deploykit.bundle.commands import Answer, files_below
from django_deploykit.bundle.environment import Environment, Target
from django_deploykit.bundle.formats.pyz import DamagedLayer, write_bundle
from django_deploykit.bundle.locks.base import Lock
from django_deploykit.bundle.packing import pack_all
from django_deploykit.bundle.sbom import make_sbom
from django_deploykit.bundle.source import Commit
from django_deploykit.bundle.static_cache import Collected
from django_deploykit.errors import BundleError, Problems
from django_deploykit.project import Project
from django_deploykit.project.procfile import default_web, parse_procfile
from django_deploykit.runtime.bootstrap import main_text
from django_deploykit.runtime.bundle.manifest import Layer, Manifest, Process, good_path


def own_layers(
    answer: Answer, folder: Path, target: Target, known: Collected | None = None
) -> list[Layer]:
    """Pack what is the project's own: the export, and the collected static files apart from it.

    Where the answer was ``known`` nothing was collected now: the layer of then is taken.
    """
    static = static_folder(answer.facts, folder)
    gone = set(answer.stray)
    paths = [path for path in files_below(folder) if path not in gone]
    _judge_paths(paths, folder)
    rows = [(f"app/{path}", str(folder / path)) for path in paths]
    collected = [row for row in rows if static and row[0].startswith(f"app/{static}/")]
    theirs = set(collected)
    app = [row for row in rows if row not in theirs]
    trees = [layers.Tree("app", "app", "", tuple(app))]
    if collected and known is None:
        trees.append(layers.Tree("static", "static", "", tuple(collected)))
    packed = _pack_with_runtime(trees, target)
    return [*packed, known.static] if known and known.static else packed


def _pack_with_runtime(trees: Sequence[layers.Tree], target: Target) -> list[Layer]:
    """Pack trees, and beside them the runtime that the bundle will carry, where that is due."""
    runtime = runtime_files.unpacked(target)
    packed = pack_all([*trees, runtime] if runtime else trees, target.executable)
    if runtime:
        runtime_files.note(packed.pop(), target)
    return packed


def _judge_paths(paths: Sequence[str], folder: Path) -> None:
    """Refuse names that a release cannot hold, and links that a build left to what is elsewhere."""
    top = os.path.realpath(folder)
    inside = {
        parent: is_below(os.path.realpath(os.path.join(top, parent)), top)
        for parent in {os.path.dirname(path) for path in paths}
    }
    bad = []
    for path in paths:
        if not good_path(f"app/{path}") or not _encodable(path):
            bad.append(f"{path!r}: not a name that every system can write")
        elif not inside[os.path.dirname(path)] or not _file_of(os.path.join(top, path), top):
            bad.append(f"{path!r}: not a file of the export")
    if bad:
        raise Problems("these files cannot be bundled:", bad, "Rename or replace them.")


def _file_of(path: str, top: str) -> bool:
    """Whether a path is a file, or a link to one below ``top``."""
    mode = os.lstat(path).st_mode
    if stat.S_ISLNK(mode):
        return is_below(os.path.realpath(path), top) and os.path.isfile(path)
    return stat.S_ISREG(mode)


def is_below(path: str, top: str) -> bool:
    """Whether a real path is ``top`` or below it.

    >>> is_below("/srv/shop/a", "/srv/shop"), is_below("/srv/shop2", "/srv/shop")
    (True, False)
    """
    return path == top or path.startswith(top + os.sep)


def _encodable(path: str) -> bool:
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def static_folder(facts: dict[str, Any], folder: Path) -> str:
    """Return STATIC_ROOT relative to the export, "" where nothing was collected."""
    if not (facts["static_root"] and facts["staticfiles"]):
        return ""
    return os.path.relpath(facts["static_root"], folder.resolve())


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
    static = static_folder(facts, folder)
    ordered = sorted(all_layers, key=lambda one: (one.kind, one.name))
    return Manifest(
        project=project.name,
        release_id=commit.release_id,
        commit=commit.sha,
        commit_time=commit.time,
        tree=commit.tree,
        # The same commit is the same bundle, whatever names a clone has for it.
        tag="",
        branch="",
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
        runtime=runtime_files.runtime_digest(),
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


def write(
    path: Path,
    manifest: Manifest,
    target: Target,
    facts: dict[str, Any],
    commit: Commit,
    lock: Lock,
) -> tuple[str, int]:
    """Write the bundle; returns its SHA-256 and size."""
    text = manifest.dumps()
    folder = layers.layer_folder()
    runtime = runtime_files.files(target)
    members = {
        "__main__.py": main_text(
            text,
            manifest.project,
            manifest.settings_module,
            manifest.release_id,
            runtime,
        ).encode(),
        "manifest.json": text.encode(),
        "sample.ini": facts["sample"].encode(),
        "sbom.cdx.json": make_sbom(
            manifest.project,
            manifest.release_id,
            manifest.commit,
            manifest.commit_time,
            manifest.layers,
            lock.digests(),
        ).encode(),
        **{f"runtime/{name}": data for name, data in runtime.items()},
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
