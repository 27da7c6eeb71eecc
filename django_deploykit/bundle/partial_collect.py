"""Collecting only the static files that changed, and those that refer to them.

The project's own collectstatic runs in an export that lacks the other static files. Its result is
put together with the layers of an earlier run. ``docs/decisions/0073`` explains when that is the
same as collecting everything.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
import zipfile
from collections.abc import Collection, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from django_deploykit.bundle.build_cache import layer_paths, verify_layer
from django_deploykit.bundle.files import all_files
from django_deploykit.bundle.groups import group_files
from django_deploykit.bundle.project_side.project_facts import CollectionRecord
from django_deploykit.runtime.base.files import hash_file
from django_deploykit.runtime.bundle.manifest import FileEntry, Layer, load_list

MANIFEST = "staticfiles.json"
_PIECE = 1 << 20
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

    def __init__(self, record: CollectionRecord) -> None:
        self._prefixes: dict[str, list[str]] = {}
        self._starts: dict[str, list[tuple[str, int]]] = {}
        for prefix, folder in record.roots:
            self._prefixes.setdefault("" if folder == "." else folder, []).append(prefix)

    def names(self, path: str) -> list[str]:
        """Return the names that a file of the export has as a static file."""
        folder = path.rpartition("/")[0]
        starts = self._starts.get(folder)
        if starts is None:
            starts = self._starts[folder] = list(self._iter_starts(folder))
        return [start + path[cut:] for start, cut in starts]

    def _iter_starts(self, folder: str) -> Iterator[tuple[str, int]]:
        """Yield how names of files in a folder begin, and where in their path they go on."""
        above = folder
        while True:
            for prefix in self._prefixes.get(above, ()):
                yield posixpath.join(prefix, ""), len(above) + 1 if above else 0
            if not above:
                return
            above = above.rpartition("/")[0]

    def sources(self, name: str) -> Iterator[str]:
        """Yield the paths in the export that may have the name. They need not exist."""
        for folder, prefixes in self._prefixes.items():
            for prefix in prefixes:
                start = f"{prefix}/" if prefix else ""
                if name.startswith(start):
                    yield posixpath.join(folder, name[len(start) :])


def select(
    record: CollectionRecord, changed: Collection[str], moved: Iterable[str], texts: Iterable[str]
) -> Selection | None:
    """Return what to collect, or None if results look alike.

    ``record`` is what the earlier run recorded. The sources ``changed``, and static files with the
    names ``moved`` were added or removed. ``texts`` are the new contents of all of them.
    """
    moved = frozenset(moved)
    names = {source: name for name, source in record.files.items()}
    every = {*record.files, *record.outside, *moved}
    references = record.references
    referring: dict[str, list[str]] = {}
    for name, targets in references.items():
        for target in targets:
            referring.setdefault(target, []).append(name)
    again = _reachable([*moved, *(names[one] for one in changed if one in names)], referring)
    present = _reachable([*again, *_iter_mentioned(every, texts)], references)
    stems = set(map(_stem, again))
    for name in every:
        alike = (_origins(name) - {name}) & every if _stem(name) in stems else ()
        if alike and (name in again or not again.isdisjoint(alike)):
            return None
    return Selection(frozenset(again), frozenset(present), moved)


def merged_record(
    before: CollectionRecord,
    after: CollectionRecord,
    selection: Selection,
    committed: Container[str],
) -> CollectionRecord | None:
    """Return the record of all files, or None if the second run differs in more than its files."""
    if (after.settings, after.roots) != (before.settings, before.roots):
        return None
    again, moved = selection.again, selection.moved
    new = {name: source for name, source in after.files.items() if name in moved}
    outside = {name for name in after.outside if name in moved}
    files = {**{k: v for k, v in before.files.items() if k not in moved}, **new}
    found = {*after.files, *after.outside}
    if (
        not after.files.items() <= files.items()
        or not set(after.outside) <= {*files, *before.outside, *outside}
        or not again - moved <= found
        or not all(source in committed for source in new.values())
    ):
        return None
    # What is collected again may refer to a file that another one replaces in the small export.
    used = _reachable(again, after.references)
    if any(files.get(name) != after.files.get(name) for name in used & files.keys()):
        return None
    old = {k: v for k, v in before.references.items() if k not in again}
    references = {k: v for k, v in after.references.items() if k in again}
    kept = {name for name in before.outside if name not in moved}
    return replace(
        before,
        files=files,
        outside=tuple(sorted(kept | outside)),
        references={**old, **references},
    )


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


def _stem(path: str) -> str:
    """Return what a static file and all of its results begin with: the path up to the first dot.

    >>> _stem("a.b/c.0123456789ab.css.gz")
    'a.b/c'
    """
    folder, slash, name = path.rpartition("/")
    return folder + slash + name.partition(".")[0]


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
class Held:
    """A cached layer and its verified list, by path in the project's folder."""

    layer: Layer
    rows: Mapping[str, FileEntry]

    def has(self, path: str, folder: Path) -> bool:
        """Whether the file below ``folder`` is the same."""
        row, mode = self.rows[path], (folder / path).stat().st_mode & 0o100
        return (row.mode & 0o100, row.sha256) == (mode, hash_file(folder / path))

    def restore(self, paths: Iterable[str], folder: Path) -> bool:
        """Write files of the layer below ``folder``. Return False if the layer is damaged."""
        if not verify_layer(self.layer.sha256):
            return False
        members: dict[str, str] = {}  # of files with the same content, the archive has the first
        for row in sorted(self.rows.values()):
            members.setdefault(row.sha256, row.path)
        with zipfile.ZipFile(layer_paths(self.layer.sha256)[0]) as archive:
            for path in paths:
                row, target, digest = self.rows[path], folder / path, hashlib.sha256()
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(members[row.sha256]) as source, target.open("wb") as file:
                    for piece in iter(lambda: source.read(_PIECE), b""):
                        digest.update(piece)
                        file.write(piece)
                target.chmod(row.mode)
                if digest.hexdigest() != row.sha256:
                    return False
        return True


def hold(layers: Iterable[Layer]) -> dict[str, Held]:
    """Return the layers of an earlier run by their names, with their lists."""
    return {layer.name: _held(layer) for layer in layers}


def _held(layer: Layer) -> Held:
    text = layer_paths(layer.sha256)[1].read_text(encoding="utf-8")
    rows = load_list(text, layer.sha256)
    return Held(layer, {row.path.removeprefix("app/"): row for row in rows})


@dataclass(frozen=True)
class Merged:
    """Static files of an earlier run and of this one.

    ``known`` are layers of the earlier run that are unchanged. The files of ``groups`` are on disk.
    """

    known: tuple[Layer, ...]
    groups: Mapping[str, tuple[str, ...]]


def merge(
    held: Mapping[str, Held],
    again: Collection[str],
    folder: Path,
    static: str,
    others: Collection[str] = (),
) -> Merged | None:
    """Put the collected files below ``folder`` together with the layers of an earlier run, ``held``.

    ``static`` is STATIC_ROOT, relative to ``folder``. Return None if this run has other files than
    those that were collected again. Results of ``others`` are ignored: files of packages in place
    of the project's, which were missing.
    """
    owners = {path: one for one in held.values() for path in one.rows}
    prefix = f"{static}/"
    stems = set(map(_stem, (*again, MANIFEST)))

    def is_mine(path: str) -> bool:
        name = path[len(prefix) :]
        if _stem(name) not in stems:
            return False
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
        if name in held and mine.isdisjoint(paths) and held[name].rows.keys() == {*paths}:
            known.append(held[name].layer)
        else:
            groups[name] = tuple(paths)
    wanted: dict[str, list[str]] = {}
    for path in kept.intersection(path for paths in groups.values() for path in paths):
        wanted.setdefault(owners[path].layer.name, []).append(path)
    if not all(held[name].restore(paths, folder) for name, paths in wanted.items()):
        return None
    return Merged(tuple(known), groups)


def read_manifest(held: Mapping[str, Held], static: str, place: Path) -> dict[str, str] | None:
    """Return the paths in the manifest of an earlier run: {} if it has none, None if damaged.

    ``place`` is a temporary folder.
    """
    path = f"{static}/{MANIFEST}"
    for one in held.values():
        if path in one.rows:
            if not one.restore([path], place):
                return None
            paths: dict[str, str] = json.loads((place / path).read_bytes())["paths"]
            return paths
    return {}
