"""Static files of other releases, for visitors whose page was loaded before a switch.

Only files with a content hash in their name are linked in (``base.1a2b3c4d5e6f.css``).
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Iterable, List

from ..base.files import entries, read_bytes, write_and_replace
from ..bundle.manifest import Manifest
from . import shared
from .layers import Folders
from .virtualenv import link_file

_HASHED = re.compile(
    r"\.[0-9a-f]{12}\.[^/]+\Z"
)  # as Django's ManifestStaticFilesStorage names them


def link_hashed(source: Path, target: Path) -> None:
    """Link missing files with a content hash in their name."""
    folders = None
    for path, _, names in os.walk(source):
        hashed = [name for name in names if _HASHED.search(name)]
        if not hashed:
            continue
        os.makedirs(target, exist_ok=True)
        folders = folders or Folders(str(target))
        below = path[len(str(source)) + 1 :]
        folders.make(below)
        place = os.path.join(target, below)
        there = set(os.listdir(place))  # most files exist, and a system call for each is slow
        for name in hashed:
            if name not in there:
                link_file(os.path.join(path, name), os.path.join(place, name))


def link_hashed_of_others(releases: Path, release: str, manifest: Manifest) -> None:
    """Link hashed static files of all other releases into a release that goes live.

    After a rollback, visitors still have pages of the newer release open. An error while linking (a
    full disk) must not stop a rollback.
    """
    if manifest.static_root:
        found = entries(releases.parent, releases.name)
        others = [one for one in found if one.name != release and not one.name.startswith(".")]
        for other in others:
            with suppress(OSError):
                link_hashed_of([other], releases / release, manifest)


def link_hashed_of(others: Iterable[Path], release: Path, manifest: Manifest) -> None:
    """Link hashed static files of other releases into the folder of a release, or its shared one.

    A shared folder remembers the shared folders whose files it has.
    """
    path = manifest.static_root
    name = shared.shared_by(release, path) if path else ""
    place = shared.shared_folder(release.parent) / name
    merged = [name, *_merged(place)] if name else []
    for other in others if path else ():
        theirs = shared.shared_by(other, path)
        if theirs and theirs in merged:
            continue
        if not name:
            link_hashed(other / path, release / path)
            continue
        untouched = shared.is_untouched(place)
        link_hashed(other / path, place / path)
        if untouched:
            shared.remember(place)
        if theirs:
            merged.append(theirs)
            _remember_merged(place, merged[1:])


def _merged(place: Path) -> List[str]:
    try:
        return read_bytes(_list_of(place), top=place.parent.parent).decode("ascii").split()
    except (OSError, UnicodeDecodeError):
        return []


def _remember_merged(place: Path, names: List[str]) -> None:
    write_and_replace(_list_of(place), "\n".join(names), top=place.parent.parent)


def _list_of(place: Path) -> Path:
    return place.with_name(f"{place.name}.merged")
