"""Laying out a release in the cache: folders of packages are links into the store.

On a host every file of a release is a hard link, so that a release stands for itself. In the cache
the store lies beside the releases and nothing is ever pruned, so a folder that one distribution alone
provides becomes one symbolic link: a new release takes a hundred links instead of ten thousand.

What stays real, as on a host: the app and its static files, what several distributions share
(namespace packages, ``bin/``), files beside packages (``.pth``, modules), and all of a distribution
that holds compiled code, whose libraries find those of others by ``$ORIGIN/../..``.
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


class Source(NamedTuple):
    """A folder of the store; ``whole`` says whether one in it may be linked as a whole."""

    path: str
    whole: bool


def lay(layers: Iterable[Layer], store: Path, folder: Path) -> None:
    """Bring the layers' files into ``folder``, each layer when it comes out of ``layers``.

    ``folder`` is two below the one that holds ``store``: ``releases/<name>``.
    """
    work = _Work(str(store), str(folder))
    packages: List[Source] = []
    for layer in layers:
        path = os.path.join(str(store), layer.sha256)
        if layer.kind == "distribution":
            packages.append(Source(path, not _is_compiled(path)))
        else:
            work.merge([Source(path, False)], "")
    work.merge(packages, "")  # which folders they share is known when all are there


def _is_compiled(source: str) -> bool:
    with open(source + ".json", encoding="utf-8") as file:
        return bool(_COMPILED.search(file.read()))


class _Work:
    """One release that is laid out: from where, into where, and which folders were made."""

    def __init__(self, store: str, folder: str) -> None:
        self._store, self._folder = store, folder
        self._folders = Folders(folder)

    def merge(self, sources: Sequence[Source], into: str, inside: bool = False) -> None:
        """Bring what is in the sources into one folder, ``into`` relative to the release.

        ``inside`` says whether it is ``site-packages`` or below.
        """
        folders: Dict[str, List[Source]] = {}
        names: Dict[str, int] = {}  # as a file system sees them that does not tell cases apart
        for source in sources:
            with os.scandir(source.path) as found:
                for one in found:
                    if not one.is_dir(follow_symlinks=False):
                        self._file(one.path, into + one.name)
                        continue
                    folders.setdefault(one.name, []).append(Source(one.path, source.whole))
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
            raise DeployKitError(f"two layers hold {path}") from None

    def _link(self, source: str, path: str) -> None:
        # Relative: the cache may be reached by another path later, or lie elsewhere.
        up = "../" * (path.count("/") + 2)
        below = os.path.relpath(source, self._store)
        try:
            os.symlink(
                f"{up}{os.path.basename(self._store)}/{below}", os.path.join(self._folder, path)
            )
        except FileExistsError:
            raise DeployKitError(f"two layers hold {path}") from None
