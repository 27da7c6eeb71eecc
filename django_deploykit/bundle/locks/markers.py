"""Markers on the patch release of Python, evaluated for all patch releases.

It is not enough to evaluate them for the builder's Python. For example,
``async-timeout ; python_full_version < "3.11.3"`` is not needed if the bundle is built with Python
3.11.7, but it is needed if the bundle runs on Debian's 3.11.2.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, replace

from django_deploykit.bundle.build_cache import cache_key, cached_text, keep_text
from django_deploykit.bundle.locks.base import LockFile, Requirement, normal_name

_PATCHES = range(40)


def resolve(lock: LockFile, python: str, platform: str) -> tuple[LockFile, list[str]]:
    """Return the lock file with the requirements that ``python`` needs, and notes.

    The result is cached for each lock file, because ``packaging`` is slow to import.
    """
    lines = [f"{one.where} {one.marker} {one.line()}" for one in lock.requirements]
    key = cache_key(python, platform, *lines)
    try:
        rows, notes = json.loads(cached_text("resolved", key) or "")
        found = [Requirement(**{**row, "hashes": tuple(row["hashes"])}) for row in rows]
    except ValueError:
        found, notes = apply_markers(lock.requirements, python, platform)
        keep_text("resolved", key, json.dumps([[asdict(one) for one in found], notes]))
    return replace(lock, requirements=tuple(found)), notes


def without_unneeded(lock: LockFile, python: str, platform: str) -> LockFile:
    """Return a lock file without requirements that have no version and are not needed here.

    Pipenv pins no version of what the platform that locked does not need.
    """
    rows = [
        one for one in lock.requirements if one.pinned or _applies(_marker(one), python, platform)
    ]
    return replace(lock, requirements=tuple(rows))


def applies(one: Requirement, python: str, platform: str) -> bool:
    """Whether a requirement is needed on a platform, by any patch release of ``python``."""
    need = _needed(one, python, platform)
    return _applies(_marker(one), python, platform) if need is None else need


def apply_markers(
    requirements: Iterable[Requirement], python: str, platform: str
) -> tuple[list[Requirement], list[str]]:
    """Return the requirements that any patch release of ``python`` ("3.11") needs, and notes.

    If several requirements with the same name remain, they keep their markers. The patch release on
    the building machine then decides, and a note says so.
    """
    rows = list(requirements)
    wanted = [_needed(one, python, platform) for one in rows]
    count: dict[str, int] = {}
    for one, need in zip(rows, wanted, strict=True):
        name = normal_name(one.distribution)
        count[name] = count.get(name, 0) + (need is not False)
    kept: list[Requirement] = []
    notes: list[str] = []
    for one, need in zip(rows, wanted, strict=True):
        if need and count[normal_name(one.distribution)] == 1:
            kept.append(replace(one, text=one.text.partition(";")[0].rstrip()))
        elif need is not False:
            kept.append(one)
        if need and count[normal_name(one.distribution)] > 1:
            notes.append(
                f"{one.where}: {one.text} depends on the patch release; the one of this machine decides"
            )
    return kept, notes


def _needed(one: Requirement, python: str, platform: str) -> bool | None:
    """Whether any patch release needs it. None if its marker does not depend on patch releases."""
    if "python_full_version" not in _marker(one):
        return None
    from packaging.markers import InvalidMarker, Marker

    try:
        marker = Marker(_marker(one))
    except InvalidMarker:
        return None  # uv reports what is wrong with the marker
    base = _environment(python, platform)
    return any(
        marker.evaluate({**base, "python_full_version": f"{python}.{patch}"}) for patch in _PATCHES
    )


def _marker(one: Requirement) -> str:
    return one.text.partition(";")[2].strip()


def _applies(marker: str, python: str, platform: str) -> bool:
    """Whether a marker is true, or cannot be evaluated."""
    if not marker:
        return True
    from packaging.markers import InvalidMarker, Marker

    try:
        return Marker(marker).evaluate(_environment(python, platform))
    except InvalidMarker:
        return True


def _environment(python: str, platform: str) -> dict[str, str]:
    """Return what markers ask about a platform."""
    system, _, machine = platform.partition("-")
    return {
        "python_version": python,
        "sys_platform": system,
        "platform_system": {"linux": "Linux", "darwin": "Darwin"}.get(system, system),
        "platform_machine": {("darwin", "aarch64"): "arm64"}.get((system, machine), machine),
        "extra": "",
    }
