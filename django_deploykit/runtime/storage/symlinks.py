"""Building a release in the cache: folders of packages are symbolic links into the store.

On a host every file of a release is a hard link, so that a release does not depend on the store. In
the cache the store is beside the releases and never pruned, so a folder that only one distribution
provides becomes one symbolic link: a new release needs a hundred links instead of ten thousand.

Real files, as on a host, are: the app and its static files, folders that several distributions share
(namespace packages, ``bin/``), files beside packages (``.pth``, modules), and all of a distribution
with compiled code, whose libraries find those of others by ``$ORIGIN/../..``.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Dict, Iterable, List, NamedTuple, Sequence

from ..base.errors import DeployKitError
from ..bundle.manifest import Layer
from .layers import Folders
from .virtualenv import link_file

_COMPILED = re.compile(r"\.(?:so|dylib)[\".]")  # in the text of a layer's list
_PACKAGES = re.compile(r"lib/python[0-9.]+/site-packages\Z")


class SourceFolder(NamedTuple):
    """A folder of the store; ``whole``: folders inside it may be linked as one."""

    path: str
    whole: bool


def place_layers(layers: Iterable[Layer], store: Path, folder: Path) -> None:
    """Put the layers' files into ``folder``; ``layers`` may still be in extraction.

    ``folder`` must be two levels below the parent of ``store``: ``releases/<name>``.
    """
    builder = _Builder(str(store), str(folder))
    packages: List[SourceFolder] = []
    for layer in layers:
        path = os.path.join(str(store), layer.sha256)
        if layer.kind == "distribution":
            packages.append(SourceFolder(path, not _is_compiled(path)))
        else:
            builder.merge([SourceFolder(path, False)], "")
    builder.merge(packages, "")  # last, because it must know all that share a folder


def _is_compiled(source: str) -> bool:
    with open(source + ".json", encoding="utf-8") as file:
        return bool(_COMPILED.search(file.read()))


class _Builder:
    """Builds one release from the folders of a store."""

    def __init__(self, store: str, folder: str) -> None:
        self._store, self._folder = store, folder
        self._folders = Folders(folder)

    def merge(self, sources: Sequence[SourceFolder], into: str, inside: bool = False) -> None:
        """Put the content of the sources into one folder; ``into`` is its path in the release.

        ``inside``: it is ``site-packages`` or a folder below.
        """
        folders: Dict[str, List[SourceFolder]] = {}
        names: Dict[str, int] = {}  # casefolded, for file systems that ignore case
        for source in sources:
            with os.scandir(source.path) as found:
                for one in found:
                    if not one.is_dir(follow_symlinks=False):
                        self._file(one.path, into + one.name)
                        continue
                    folders.setdefault(one.name, []).append(SourceFolder(one.path, source.whole))
                    folded = one.name.casefold()
                    names[folded] = names.get(folded, 0) + 1
        for name, held in folders.items():
            if inside and held[0].whole and names[name.casefold()] == 1:
                self._link(held[0].path, into + name)
            else:
                self._folders.make(into + name)
                below = inside or bool(_PACKAGES.match(into + name))
                self.merge(held, f"{into}{name}/", below)

    def _file(self, source: str, path: str) -> None:
        try:
            link_file(source, os.path.join(self._folder, path))
        except FileExistsError:
            raise DeployKitError(f"two layers contain {path}") from None

    def _link(self, source: str, path: str) -> None:
        # Relative, because the cache may be moved.
        up = "../" * (path.count("/") + 2)
        below = os.path.relpath(source, self._store)
        try:
            os.symlink(
                f"{up}{os.path.basename(self._store)}/{below}", os.path.join(self._folder, path)
            )
        except FileExistsError:
            raise DeployKitError(f"two layers contain {path}") from None
