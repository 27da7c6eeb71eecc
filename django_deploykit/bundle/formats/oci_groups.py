"""Dividing a bundle's layers among the layers of an image (pure).

An engine mounts at most 127 layers, and a changed layer is stored and sent as a whole. Which layers
share one depends on their names and sizes only, so a change leaves all other groups as they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from django_deploykit.runtime.bundle.manifest import Layer

MOST = 40 + 8 + 16 + 16  # groups
_LARGE = 1 << 20  # bytes of a distribution that is a group by itself
_MOST_LARGE = 40
_SMALL = 8  # groups that small distributions share
_OWN = 16  # groups of static files, and of the project's own files


@dataclass(frozen=True)
class Group:
    """Layers that become one layer of an image."""

    name: str
    layers: tuple[Layer, ...]


def group_layers(layers: Sequence[Layer]) -> list[Group]:
    """Return the groups in the order of an image: what changes most often is last.

    Engines fetch everything above a changed layer again, so large distributions come first. A layer
    of another kind, such as an interpreter, is below them.
    """
    distributions = [one for one in layers if one.kind == "distribution"]
    limit = _limit(distributions)
    large = [one for one in distributions if one.size >= limit]
    small = [one for one in distributions if one.size < limit]
    # The order only changes if a size doubles.
    large.sort(key=lambda one: (-one.size.bit_length(), one.name))
    others = [one for one in layers if one.kind not in ("distribution", "static", "app")]
    return [
        *(Group(one.name, (one,)) for one in (*others, *large)),
        *_shared("distributions", small, _SMALL),
        *_own("static", layers),
        *_own("app", layers),
    ]


def _limit(distributions: Iterable[Layer]) -> int:
    """Return the size from which a distribution is a group by itself."""
    sizes = [one.size for one in distributions]
    limit = _LARGE
    while sum(size >= limit for size in sizes) > _MOST_LARGE:
        limit *= 2
    return limit


def _own(kind: str, layers: Sequence[Layer]) -> Iterator[Group]:
    found = [one for one in layers if one.kind == kind]
    if len(found) > _OWN:
        yield from _shared(kind, found, _OWN)
    else:
        yield from (Group(one.name, (one,)) for one in sorted(found, key=lambda one: one.name))


def _shared(name: str, layers: Iterable[Layer], count: int) -> Iterator[Group]:
    """Yield groups that share layers by a digest of their names."""
    parts: dict[int, list[Layer]] = {}
    for layer in sorted(layers, key=lambda one: one.name):
        digest = hashlib.sha256(layer.name.encode("utf-8", "surrogateescape")).digest()
        parts.setdefault(digest[0] % count, []).append(layer)
    for number in sorted(parts):
        yield Group(f"{name} {number + 1}/{count}", tuple(parts[number]))
