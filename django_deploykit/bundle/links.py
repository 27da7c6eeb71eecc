"""Symbolic links of an export, which become copies of their targets."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from django_deploykit.errors import Problems


def materialise_links(root: Path, inside: Path | None = None) -> None:
    """Replace symbolic links below ``root`` by copies of their targets.

    Raise :class:`Problems` for links that leave ``inside``, by default ``root``, are broken, or
    contain themselves.
    """
    top = (inside or root).resolve()
    links = sorted(path for path in _walk(root) if path.is_symlink())
    found = [(link, _target(link, top)) for link in links]
    bad = [f"{link.relative_to(root)} -> {os.readlink(link)}" for link, real in found if not real]
    if bad:
        raise Problems(
            "the commit has symbolic links that leave it, are broken, or contain themselves:",
            bad,
            "Replace them by files.",
        )
    # Folders are last, so that links inside them have been replaced before they are copied.
    for link, real in sorted(found, key=lambda pair: (pair[0].is_dir(), pair[0])):
        assert real is not None
        link.unlink()
        if real.is_dir():
            shutil.copytree(real, link, symlinks=False)
        else:
            shutil.copy2(real, link)


def targets_outside(root: Path) -> list[str]:
    """Return the missing targets of links that are below ``root``, relative to it."""
    top, found = root.resolve(), set()
    for link in _walk(root):
        if link.is_symlink() and not link.exists():
            path = os.path.normpath(os.path.join(link.parent.resolve(), os.readlink(link)))
            inside = os.path.relpath(path, top)
            if not inside.startswith(".."):
                found.add(inside)
    return sorted(found)


def _target(link: Path, top: Path) -> Path | None:
    """Return the target of a link, or None if it cannot be copied in place of the link."""
    try:
        real = link.resolve(strict=True)
    except (OSError, RuntimeError):
        return None
    here = link.parent.resolve() / link.name
    inside = real.is_relative_to(top) and not here.is_relative_to(real)
    return real if inside and (real.is_file() or real.is_dir()) else None


def _walk(root: Path) -> Sequence[Path]:
    found = []
    for folder, names, files in os.walk(root):
        found += [Path(folder) / name for name in (*names, *files)]
    return found
