"""Dividing a bundle's files among the layers of an image (pure).

An engine mounts at most 127 layers, and a changed layer is stored and sent as a whole. Which files
share one depends on their paths and sizes, so a change leaves nearly all other groups as they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from django_deploykit.bundle.groups import bucket_of
from django_deploykit.runtime.bundle.manifest import FileEntry, Layer

Files = Mapping[str, Sequence[FileEntry]]  # of layers, by the layer's digest

_LARGE = 1 << 20  # bytes of a distribution that is a group by itself
_MOST_LARGE = 32
_SMALL = 8  # groups that small distributions share
_LARGE_FILE = 64 << 10  # bytes


class Source(NamedTuple):
    """Files of one layer of the bundle."""

    layer: Layer
    entries: tuple[FileEntry, ...]


class Group(NamedTuple):
    """Files that become one layer of an image."""

    name: str
    sources: tuple[Source, ...]
    is_static: bool


class _Key(NamedTuple):
    """A group's place in the image, and its name."""

    rank: int
    number: int
    name: str


class _Share(NamedTuple):
    """Groups of the project's files of one kind and size, which are divided by their paths."""

    rank: int
    name: str
    each: int  # bytes of a group, unless there would be too many groups
    most: int  # groups


_OTHER, _DISTRIBUTION, _DISTRIBUTIONS = range(3)  # ranks; those of the project's files follow
# By the layer's kind, and whether a file is large. Pictures and data change less often than code.
_SHARES = {
    ("static", True): _Share(3, "static, large", 4 << 20, 8),
    ("static", False): _Share(4, "static", 256 << 10, 8),
    ("app", True): _Share(5, "app, large", 4 << 20, 16),
    ("app", False): _Share(6, "app", 256 << 10, 16),
}
_STATIC = (3, 4)
MOST = _MOST_LARGE + _SMALL + sum(one.most for one in _SHARES.values()) + 1  # an interpreter


class _Content(NamedTuple):
    """What a file contains, and its mode. Empty files are told apart by their paths."""

    sha256: str
    mode: int
    size: int


def group_layers(layers: Sequence[Layer], files: Files) -> list[Group]:
    """Return the groups in the order of an image: what changes most often is last.

    Engines fetch everything above a changed layer again, so large distributions come first. A layer
    of another kind, such as an interpreter, is below them.

    A file can only be a hard link to another in the same group. So the files of distributions from
    which static files were collected are in the group of these, and of the project's own files no
    content is in two groups.
    """
    keys, homes = _layer_keys(layers), _homes(layers, files)
    grouped: dict[_Key, list[Source]] = {}
    for layer in sorted(layers, key=lambda one: (one.kind != "static", one.kind, one.name)):
        rows: dict[_Key, list[FileEntry]] = {}
        for entry in files[layer.sha256]:
            home = homes.get(_content(entry))
            if home is None or (layer.sha256 in keys and home.rank not in _STATIC):
                home = keys[layer.sha256]
            rows.setdefault(home, []).append(entry)
        for key, entries in rows.items():
            grouped.setdefault(key, []).append(Source(layer, tuple(entries)))
    return [
        Group(key.name, tuple(sources), key.rank in _STATIC)
        for key, sources in sorted(grouped.items())
    ]


def _layer_keys(layers: Iterable[Layer]) -> dict[str, _Key]:
    """Return the groups of all layers but the project's own, by digest."""
    found = {}
    limit = _limit([one for one in layers if one.kind == "distribution"])
    for layer in layers:
        if layer.kind in ("static", "app"):
            continue
        if layer.kind != "distribution":
            key = _Key(_OTHER, 0, layer.name)
        elif layer.size >= limit:
            # The order only changes if a size doubles.
            key = _Key(_DISTRIBUTION, -layer.size.bit_length(), layer.name)
        else:
            number = bucket_of(layer.name, _SMALL)
            key = _Key(_DISTRIBUTIONS, number, f"distributions {number + 1}/{_SMALL}")
        found[layer.sha256] = key
    return found


def _limit(distributions: Iterable[Layer]) -> int:
    """Return the size from which a distribution is a group by itself."""
    sizes = [one.size for one in distributions]
    limit = _LARGE
    while sum(size >= limit for size in sizes) > _MOST_LARGE:
        limit *= 2
    return limit


def _homes(layers: Iterable[Layer], files: Files) -> dict[_Content, _Key]:
    """Return the groups of the project's own files, by content.

    The first path with a content decides. Paths of static files precede others.
    """
    own = [one for one in layers if one.kind in ("static", "app")]
    rows = [(one.kind, entry) for one in own for entry in files[one.sha256]]
    rows.sort(key=lambda row: (row[0] != "static", row[1].path))
    first: dict[_Content, tuple[_Share, str]] = {}
    for kind, entry in rows:
        share = _SHARES[kind, entry.size >= _LARGE_FILE]
        first.setdefault(_content(entry), (share, entry.path))
    totals: Counter[_Share] = Counter()
    for content, (share, _) in first.items():
        totals[share] += content.size
    return {content: _key(share, totals[share], path) for content, (share, path) in first.items()}


def _key(share: _Share, total: int, path: str) -> _Key:
    count = 1
    while count < share.most and total > count * share.each:
        count *= 2
    # A static file and its variants stay together, and so do a module and its bytecode.
    folder, _, name = path.replace("__pycache__/", "").rpartition("/")
    number = bucket_of(f"{folder}/{name.partition('.')[0]}", count)
    part = f" {number + 1}/{count}" if count > 1 else ""
    return _Key(share.rank, number, f"{share.name}{part}")


def _content(entry: FileEntry) -> _Content:
    return _Content(entry.sha256 if entry.size else entry.path, entry.mode, entry.size)
