"""Collecting only the static files that changed, and those that refer to them.

The project's own collectstatic runs in an export that lacks the other static files. Its result is
put together with the layers of an earlier run. ``docs/decisions/0073`` explains when that is the
same as collecting everything.
"""

from __future__ import annotations

import json
import posixpath
import re
import shutil
import zipfile
from collections.abc import Collection, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django_deploykit.bundle.build_cache import layer_paths, verify_layer
from django_deploykit.bundle.files import all_files
from django_deploykit.bundle.groups import group_files
from django_deploykit.runtime.base.files import hash_file
from django_deploykit.runtime.bundle.manifest import FileEntry, Layer, load_list

MANIFEST = "staticfiles.json"
_HASH = re.compile(r"\.[0-9a-f]{12}(?=(?:\.[^./]*)?\Z)")  # in the names of ManifestFilesMixin
_WORD = re.compile(r"[^\s\"'()<>=,;:/?#\\]+")


@dataclass(frozen=True)
class Selection:
    """Names of static files.

    Those to collect ``again``, and those that must be ``present`` then. A source of those that are
    ``moved`` was added or removed, so another finder's file may have the name now.
    """

    again: frozenset[str]
    present: frozenset[str]
    moved: frozenset[str] = frozenset()


class Places:
    """Where the finders look: the prefixes and the folders of a record."""

    def __init__(self, record: Mapping[str, Any]) -> None:
        self._prefixes: dict[str, list[str]] = {}
        for prefix, folder in record["roots"]:
            self._prefixes.setdefault("" if folder == "." else folder, []).append(prefix)

    def names(self, path: str) -> Iterator[str]:
        """Yield the names that a file of the export has as a static file."""
        end = len(path)
        while end > 0:
            end = max(path.rfind("/", 0, end), 0)
            for prefix in self._prefixes.get(path[:end], ()):
                yield posixpath.join(prefix, path[end:].lstrip("/"))

    def sources(self, name: str) -> Iterator[str]:
        """Yield the paths in the export that may have the name. They need not exist."""
        for folder, prefixes in self._prefixes.items():
            for prefix in prefixes:
                start = f"{prefix}/" if prefix else ""
                if name.startswith(start):
                    yield posixpath.join(folder, name[len(start) :])


def select(
    record: Mapping[str, Any], changed: Collection[str], moved: Iterable[str], texts: Iterable[str]
) -> Selection | None:
    """Return what to collect, or None if results look alike.

    ``record`` is what the earlier run recorded. The sources ``changed``, and static files with the
    names ``moved`` were added or removed. ``texts`` are the new contents of all of them.
    """
    moved = frozenset(moved)
    names = {source: name for name, source in record["files"].items()}
    every = {*record["files"], *record["outside"], *moved}
    references: dict[str, list[str]] = record["references"]
    referring: dict[str, list[str]] = {}
    for name, targets in references.items():
        for target in targets:
            referring.setdefault(target, []).append(name)
    again = _reachable([*moved, *(names[one] for one in changed if one in names)], referring)
    present = _reachable([*again, *_iter_mentioned(every, texts)], references)
    for name in every:
        alike = (_origins(name) - {name}) & every
        if alike and (name in again or not alike.isdisjoint(again)):
            return None
    return Selection(frozenset(again), frozenset(present), moved)


def merged_record(
    before: Mapping[str, Any],
    after: Mapping[str, Any] | None,
    selection: Selection,
    committed: Container[str],
) -> dict[str, Any] | None:
    """Return the record of all files, or None if the second run differs in more than its files."""
    if after is None or any(after[key] != before[key] for key in ("settings", "roots")):
        return None
    again, moved = selection.again, selection.moved
    new = {name: source for name, source in after["files"].items() if name in moved}
    outside = {name for name in after["outside"] if name in moved}
    files = {**{k: v for k, v in before["files"].items() if k not in moved}, **new}
    found = {*after["files"], *after["outside"]}
    if (
        not after["files"].items() <= files.items()
        or not set(after["outside"]) <= {*files, *before["outside"], *outside}
        or not again - moved <= found
        or not all(source in committed for source in new.values())
    ):
        return None
    # What is collected again may refer to a file that another one replaces in the small export.
    used = _reachable(again, after["references"])
    if any(files.get(name) != after["files"].get(name) for name in used & files.keys()):
        return None
    old = {k: v for k, v in before["references"].items() if k not in again}
    references = {k: v for k, v in after["references"].items() if k in again}
    return {
        **before,
        "files": files,
        "outside": sorted({name for name in before["outside"] if name not in moved} | outside),
        "references": {**old, **references},
    }


def _reachable(names: Iterable[str], graph: Mapping[str, Iterable[str]]) -> set[str]:
    found, queue = set[str](), list(names)
    while queue:
        name = queue.pop()
        if name not in found:
            found.add(name)
            queue += graph.get(name, ())
    return found


def _iter_mentioned(names: Iterable[str], texts: Iterable[str]) -> Iterator[str]:
    """Yield static files whose last part is in a text."""
    words = {word for text in texts for word in _WORD.findall(text)}
    return (name for name in names if name.rpartition("/")[2] in words)


def _origins(path: str) -> set[str]:
    """Return the static files that a collected file may be a result of.

    >>> sorted(_origins("a/b.0123456789ab.css.gz"))[:2]
    ['a/b.0123456789ab.css', 'a/b.0123456789ab.css.gz']
    >>> "a/b.css" in _origins("a/b.0123456789ab.css.gz")
    True
    """
    found = {path}
    if path.endswith((".gz", ".br")):
        found.add(path[:-3])
    return found | {_HASH.sub("", one) for one in found}


@dataclass(frozen=True)
class Merged:
    """Static files of an earlier run and of this one.

    ``known`` are layers of the earlier run that are unchanged. The files of ``groups`` are on disk.
    """

    known: tuple[Layer, ...]
    groups: Mapping[str, tuple[str, ...]]


def merge(
    layers: Iterable[Layer],
    again: Collection[str],
    folder: Path,
    static: str,
    others: Collection[str] = (),
) -> Merged | None:
    """Put the collected files below ``folder`` together with the layers of an earlier run.

    ``static`` is STATIC_ROOT, relative to ``folder``. Return None if this run has other files than
    those that were collected again. Results of ``others`` are ignored: files of packages in place
    of the project's, which were missing.
    """
    held = {layer.name: _held(layer) for layer in layers}
    owners = {path.removeprefix("app/"): one for one in held.values() for path in one.rows}
    prefix = f"{static}/"

    def is_mine(path: str) -> bool:
        name = path.removeprefix(prefix)
        return name == MANIFEST or not _origins(name).isdisjoint(again)

    found = all_files(folder / static)
    new = {prefix + path for path in found if _origins(path).isdisjoint(others)}
    mine = {path for path in new if is_mine(path)}
    if not new - mine <= owners.keys() or (prefix + MANIFEST in new) != (
        prefix + MANIFEST in owners
    ):
        return None
    kept = {path for path in owners if path in mine or not is_mine(path)}
    mine = {path for path in mine if path not in owners or not owners[path].has(path, folder)}
    kept -= mine
    known, groups = [], {}
    for name, paths in group_files("static", kept | mine).items():
        if name in held and mine.isdisjoint(paths) and held[name].is_the_same(paths):
            known.append(held[name].layer)
        else:
            groups[name] = tuple(paths)
    wanted: dict[str, list[str]] = {}
    for path in kept.intersection(path for paths in groups.values() for path in paths):
        wanted.setdefault(owners[path].layer.name, []).append(path)
    if not all(held[name].restore(paths, folder) for name, paths in wanted.items()):
        return None
    return Merged(tuple(known), groups)


@dataclass(frozen=True)
class _Held:
    """A cached layer and its verified list, by path in the release."""

    layer: Layer
    rows: Mapping[str, FileEntry]

    def is_the_same(self, paths: Iterable[str]) -> bool:
        """Whether the layer has exactly these files of the project."""
        return {f"app/{path}" for path in paths} == self.rows.keys()

    def has(self, path: str, folder: Path) -> bool:
        """Whether the file below ``folder`` is the same."""
        row, mode = self.rows[f"app/{path}"], (folder / path).stat().st_mode & 0o100
        return (row.mode & 0o100, row.sha256) == (mode, hash_file(folder / path))

    def restore(self, paths: Iterable[str], folder: Path) -> bool:
        """Write files of the layer below ``folder``. Return False if the layer is damaged."""
        if not verify_layer(self.layer.sha256):
            return False
        members: dict[str, str] = {}  # of files with the same content, the archive has the first
        for path in sorted(self.rows):
            members.setdefault(self.rows[path].sha256, path)
        with zipfile.ZipFile(layer_paths(self.layer.sha256)[0]) as archive:
            for path in paths:
                row, target = self.rows[f"app/{path}"], folder / path
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(members[row.sha256]) as source, target.open("wb") as file:
                    shutil.copyfileobj(source, file)
                target.chmod(row.mode)
                if hash_file(target) != row.sha256:
                    return False
        return True


def _held(layer: Layer) -> _Held:
    text = layer_paths(layer.sha256)[1].read_text(encoding="utf-8")
    return _Held(layer, {row.path: row for row in load_list(text, layer.sha256)})


def read_manifest(layers: Iterable[Layer], static: str, place: Path) -> dict[str, str] | None:
    """Return the paths in the manifest of an earlier run: {} if it has none, None if damaged.

    ``place`` is a temporary folder.
    """
    path = f"{static}/{MANIFEST}"
    for held in map(_held, layers):
        if f"app/{path}" in held.rows:
            if not held.restore([path], place):
                return None
            paths: dict[str, str] = json.loads((place / path).read_bytes())["paths"]
            return paths
    return {}
