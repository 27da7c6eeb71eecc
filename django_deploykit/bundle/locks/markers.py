"""Markers that tell patch releases of Python apart: judged for all of them, not for the builder's (pure).

``async-timeout ; python_full_version < "3.11.3"`` is not needed where the bundle is built with
Python 3.11.7, and is where it runs with Debian's 3.11.2.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from django_deploykit.bundle.locks.base import Requirement, normal_name

_PATCHES = range(40)


def settle(
    requirements: Iterable[Requirement], python: str, platform: str
) -> tuple[list[Requirement], list[str]]:
    """Return what some patch release of ``python`` ("3.11") asks for, and notes.

    Where two of one name would remain, the markers stay and the builder's Python decides.
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
                f"{one.where}: {one.text} depends on the patch release; that of this machine decides"
            )
    return kept, notes


def _needed(one: Requirement, python: str, platform: str) -> bool | None:
    """Whether any patch release asks for it; None where its marker does not look at them."""
    if "python_full_version" not in one.text.partition(";")[2]:
        return None
    from packaging.markers import InvalidMarker, Marker

    try:
        marker = Marker(one.text.partition(";")[2].strip())
    except InvalidMarker:
        return None  # uv says what is wrong with it
    system, _, machine = platform.partition("-")
    base = {
        "python_version": python,
        "sys_platform": system,
        "platform_system": {"linux": "Linux", "darwin": "Darwin"}.get(system, system),
        "platform_machine": {("darwin", "aarch64"): "arm64"}.get((system, machine), machine),
        "extra": "",
    }
    return any(
        marker.evaluate({**base, "python_full_version": f"{python}.{patch}"}) for patch in _PATCHES
    )
