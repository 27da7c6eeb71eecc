"""The layers of the project's own files: those of the export, and collected static files."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from django_deploykit.bundle import runtime_files
from django_deploykit.bundle.build_cache import cache_key, cached_text, is_cached, keep_text
from django_deploykit.bundle.environment import TargetPython
from django_deploykit.bundle.export import complete
from django_deploykit.bundle.files import Exported, all_files, choose_files
from django_deploykit.bundle.groups import group_files
from django_deploykit.bundle.packing import Tree, pack_all
from django_deploykit.bundle.project_side.project_facts import ProjectFacts
from django_deploykit.bundle.static_cache import CollectedStatic
from django_deploykit.errors import Problems
from django_deploykit.runtime.base.documents import Document
from django_deploykit.runtime.bundle.manifest import Layer, is_valid_path

_KIND = "own-layers"  # of cached texts
_MOST = 4000  # known groups of a project


def own_layers(
    collected: CollectedStatic, exported: Exported, target: TargetPython
) -> tuple[list[Layer], list[str]]:
    """Pack the project's own files, in groups: the export's, and collected static files.

    Groups of committed files that were packed before are not read again, and if the static files
    are reused, so are their layers. The runtime is packed in the same run if it is not cached.
    Return also the names of files and folders that are left out.
    """
    static = static_folder(collected.answer.facts, exported.folder)
    paths, left_out = _paths(collected, exported, static)
    below = f"{static}/"
    inside = {path for path in paths if static and path.startswith(below)}
    groups = group_files("app", (path for path in paths if path not in inside))
    ids = exported.ids if collected.unchanged else {}
    keys = {name: key for name, rows in groups.items() if (key := _key(name, rows, ids, target))}
    known = _known(exported, target)
    old = {
        name: known[key]
        for name, key in keys.items()
        if key in known and is_cached(known[key].sha256)
    }
    trees = list(
        _trees("app", {name: rows for name, rows in groups.items() if name not in old}, exported)
    )
    if not collected.reused:
        files = group_files("static", inside) if collected.groups is None else collected.groups
        trees += _trees("static", files, exported)
    runtime = runtime_files.unpacked(target)
    packed = pack_all([*trees, *([runtime] if runtime else [])], target.executable)
    if runtime:
        runtime_files.remember(packed.pop(), target)
    new = {layer.name: layer for layer in packed if layer.name in keys}
    _keep(exported, target, known, {keys[name]: layer for name, layer in {**old, **new}.items()})
    return [*old.values(), *packed, *collected.static], left_out


def _paths(
    collected: CollectedStatic, exported: Exported, static: str
) -> tuple[list[str], list[str]]:
    """Return the files to bundle, and the names of those that are left out."""
    if exported.ids and (collected.reused or collected.groups is not None):
        return sorted(exported.ids), []
    stray = set(collected.answer.stray)
    present = (path for path in all_files(exported.folder) if path not in stray)
    return choose_files(present, exported.committed, static)


def _trees(kind: str, groups: Mapping[str, Sequence[str]], exported: Exported) -> Iterator[Tree]:
    """Yield the future layers of groups. Their files are written and validated."""
    paths = [path for rows in groups.values() for path in rows]
    complete(exported, paths)
    validate_paths(paths, exported.folder)
    for name, rows in groups.items():
        files = tuple((f"app/{path}", str(exported.folder / path)) for path in rows)
        yield Tree(kind, name, "", files)


def _key(name: str, paths: Sequence[str], ids: Mapping[str, str], target: TargetPython) -> str:
    """Return what the layer of a group depends on, or "" if its files are not identified."""
    if not all(path in ids for path in paths):
        return ""
    rows = "\0".join(f"{path}\0{ids[path]}" for path in paths)
    return cache_key(target.executable, target.full, name, rows)


def _known(exported: Exported, target: TargetPython) -> dict[str, Layer]:
    """Return the layers that were packed before, by the keys of their groups."""
    text = cached_text(_KIND, _place(exported, target))
    rows: Document = json.loads(text) if text else {}
    return {key: Layer(**row) for key, row in rows.items()}


def _keep(
    exported: Exported, target: TargetPython, known: Mapping[str, Layer], used: Mapping[str, Layer]
) -> None:
    """Cache the layers of this build, and those of the builds before it until they are too many."""
    if used.items() <= known.items():
        return
    rows = {**{key: layer for key, layer in known.items() if key not in used}, **used}
    most = max(_MOST, len(used))
    kept = {key: asdict(layer) for key, layer in [*rows.items()][-most:]}
    keep_text(_KIND, _place(exported, target), json.dumps(kept))


def _place(exported: Exported, target: TargetPython) -> str:
    """Return the cache key of a project's groups."""
    commit = exported.commit
    where = (str(commit.top), commit.prefix) if commit else ()
    return cache_key(target.executable, target.full, *where)


def validate_paths(paths: Sequence[str], folder: Path) -> None:
    """Raise :class:`Problems` for invalid file names, and for links that leave the export."""
    top = os.path.realpath(folder)
    folders = {os.path.dirname(path) for path in paths}
    inside = {one: is_below(os.path.realpath(os.path.join(top, one)), top) for one in folders}
    bad = []
    for path in paths:
        if not is_valid_path(f"app/{path}") or not _encodable(path):
            bad.append(f"{path!r}: some systems cannot write this name")
        elif not inside[os.path.dirname(path)] or not _is_own_file(os.path.join(top, path), top):
            bad.append(f"{path!r}: not a file of the export")
    if bad:
        raise Problems("these files cannot be bundled:", bad, "Rename or replace them.")


def _is_own_file(path: str, top: str) -> bool:
    """Whether a path is a file, or a link to a file below ``top``."""
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


def static_folder(facts: ProjectFacts, folder: Path) -> str:
    """Return STATIC_ROOT relative to the export.

    It is an empty string if no static files are collected.
    """
    if not (facts.static_root and facts.staticfiles):
        return ""
    return os.path.relpath(facts.static_root, folder.resolve())
