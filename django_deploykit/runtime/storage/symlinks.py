"""Builds a release in the cache with symbolic links from package folders into the store.

On a host every file of a release is a hard link, so a release does not depend on the store. In the
cache the store is next to the releases and never pruned. So a folder that only one distribution
provides becomes a symbolic link: a new release needs a hundred links instead of ten thousand.

These are real files, as on a host: the app and its static files, folders that several distributions
share (namespace packages, ``bin/``), files next to packages (``.pth``, modules), and all files of
distributions with compiled code, because their libraries find each other by ``$ORIGIN/../..``.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Dict, Iterable, List, NamedTuple, Sequence

from ..base.errors import DeployKitError
from ..bundle.manifest import INTERPRETER, INTERPRETER_FOLDER, Layer
from .layers import Folders, list_text
from .virtualenv import link_file

_COMPILED = re.compile(r"\.(?:so|dylib)[\".]")  # searched in the text of a layer's list
_PACKAGES = re.compile(r"lib/python[0-9.]+/site-packages\Z")


class SourceFolder(NamedTuple):
    """A folder in the store; ``whole``: its subfolders may be linked as a whole."""

    path: str
    whole: bool


def place_layers(layers: Iterable[Layer], store: Path, folder: Path) -> None:
    """Put the layers' files into ``folder``; ``layers`` may yield layers as they are extracted.

    ``folder`` must be two levels below the parent of ``store``: ``releases/<name>``.
    """
    builder = _Builder(str(store), str(folder))
    packages: List[SourceFolder] = []
    for layer in layers:
        path = os.path.join(str(store), layer.sha256)
        if layer.kind == "distribution":
            packages.append(SourceFolder(path, not _is_compiled(store, layer.sha256)))
        elif layer.kind == INTERPRETER:
            builder.link(f"{path}/{INTERPRETER_FOLDER}", INTERPRETER_FOLDER)
        else:
            builder.merge([SourceFolder(path, False)], "")
    builder.merge(packages, "")  # last, because all distributions that share a folder must be known


def _is_compiled(store: Path, digest: str) -> bool:
    return bool(_COMPILED.search(list_text(store, digest)))


class _Builder:
    """Builds one release from the folders of a store."""

    def __init__(self, store: str, folder: str) -> None:
        self._store, self._folder = store, folder
        self._folders = Folders(folder)

    def merge(self, sources: Sequence[SourceFolder], into: str, inside: bool = False) -> None:
        """Put the contents of the sources into one folder; ``into`` is its path in the release.

        ``inside``: the folder is ``site-packages`` or below it.
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
                self.link(held[0].path, into + name)
            else:
                self._folders.make(into + name)
                below = inside or bool(_PACKAGES.match(into + name))
                self.merge(held, f"{into}{name}/", below)

    def _file(self, source: str, path: str) -> None:
        try:
            link_file(source, os.path.join(self._folder, path))
        except FileExistsError:
            raise DeployKitError(f"two layers contain {path}") from None

    def link(self, source: str, path: str) -> None:
        """Put a relative link to a folder of the store at a path of the release."""
        # Relative, because the cache may be moved.
        up = "../" * (path.count("/") + 2)
        below = os.path.relpath(source, self._store)
        try:
            os.symlink(
                f"{up}{os.path.basename(self._store)}/{below}", os.path.join(self._folder, path)
            )
        except FileExistsError:
            raise DeployKitError(f"two layers contain {path}") from None
