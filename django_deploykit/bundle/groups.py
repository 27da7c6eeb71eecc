"""Dividing the files of a large layer into groups, so that a changed file changes a small layer.

The groups depend only on the paths, and a new or removed file changes as few of them as possible.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

_MOST = 1000  # files of a group; a folder with more is divided


def group_files(name: str, paths: Iterable[str]) -> dict[str, list[str]]:
    """Return groups of sorted paths, by the name of their layer.

    Fewer files than a group may have are one group, called ``name``. Small folders stay together,
    and so do files whose names only differ after the first dot: a static file and its variants.

    >>> group_files("app", ["manage.py", "shop/views.py"])
    {'app': ['manage.py', 'shop/views.py']}
    """
    return {f"{name}{group}": sorted(rows) for group, rows in _iter_groups(paths, "")}


def _iter_groups(paths: Iterable[str], prefix: str) -> Iterator[tuple[str, list[str]]]:
    """Yield groups of the paths below a folder, which ends with a slash, with their names."""
    units: dict[str, list[str]] = {}
    for path in paths:
        name, slash, _ = path[len(prefix) :].partition("/")
        units.setdefault(name + slash if slash else name.partition(".")[0], []).append(path)
    pool = {unit: rows for unit, rows in units.items() if unit[-1:] != "/" or len(rows) <= _MOST}
    for unit, rows in units.items():
        if unit not in pool:
            yield from _iter_groups(rows, prefix + unit)
    count, total = 1, sum(map(len, pool.values()))
    while total > count * _MOST:
        count *= 2
    parts: dict[int, list[str]] = {}
    for unit, rows in pool.items():
        parts.setdefault(bucket_of(unit, count), []).extend(rows)
    for number, rows in parts.items():
        place = f"/{prefix}" if prefix else ""
        yield place + (f" {number + 1}/{count}" if count > 1 else ""), rows


def bucket_of(unit: str, count: int) -> int:
    """Return a number from 0 to ``count`` - 1, which depends on a text only."""
    if count == 1:
        return 0
    digest = hashlib.sha256(unit.encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:4], "big") % count
