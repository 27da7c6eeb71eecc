"""Folders of static files that releases with the same static files share.

``<root>/shared/<name>/`` has the files of some layers with their paths in a release, hard-linked
from the store. In each release that has these layers, a folder is one relative link to the same
folder there: the collected static files, and a large folder ``static`` of the app without code. Nothing
imports from these folders, so no path of the release's Python is a path behind a link.

A name is the key of its layers and a random part: if files were changed by hand, a new folder is
made, and running releases keep the old one.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Dict, List, NamedTuple, Sequence, Set

from ..base.errors import DeployKitError
from ..base.files import entries, validate_folder
from ..bundle.manifest import Layer, Manifest, is_valid_path
from . import identity, layers
from .virtualenv import link_layer, link_layers

_NAME = re.compile(r"[0-9a-f]{32}-[0-9a-f]{12}\Z")
_STATIC = re.compile(r"(app/(?:[^/]+/)*?static)/")  # the start of the name of a layer


class Part(NamedTuple):
    """A folder of a release that is shared: its path in the release, and its layers."""

    path: str
    layers: Sequence[Layer]

    @property
    def key(self) -> str:
        """The part of the folder's name that depends on its layers."""
        text = "\n".join([self.path, *sorted(layer.sha256 for layer in self.layers)])
        return hashlib.sha256(text.encode("utf-8")).hexdigest()[:32]


def parts_of(manifest: Manifest) -> List[Part]:
    """Return the folders of a release that are shared, sorted.

    Collected static files are one. The app has others if its files are in several layers, which are
    named by their folders.
    """
    found: Dict[str, List[Layer]] = {}
    root = manifest.static_root
    for layer in manifest.layers:
        match = _STATIC.match(layer.name) if layer.kind == "app" else None
        if layer.kind == "static" and root:
            found.setdefault(root, []).append(layer)
        elif match and is_valid_path(match[1]) and not _overlap(match[1], root):
            found.setdefault(match[1], []).append(layer)
    return [Part(path, tuple(found[path])) for path in sorted(found)]


def _overlap(path: str, root: str) -> bool:
    return bool(root) and (f"{path}/".startswith(f"{root}/") or f"{root}/".startswith(f"{path}/"))


def shared_folder(store: Path) -> Path:
    """Return the folder of shared folders."""
    return store.parent / "shared"


def find_untouched(store: Path, part: Part) -> str:
    """Return the name of a shared folder whose files are as they were verified, or ""."""
    top = shared_folder(store)
    for path in entries(top.parent, top.name):
        if path.name.startswith(part.key) and _NAME.match(path.name) and is_untouched(path):
            return path.name
    return ""


def is_untouched(folder: Path) -> bool:
    """Whether the files of a shared folder are as they were verified."""
    return identity.is_untouched([folder], _record(folder), folder.parent.parent)


def remember(folder: Path) -> None:
    """Record that the files of a shared folder are verified."""
    identity.remember(_record(folder), identity.identify([folder]), folder.parent.parent)


def _record(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.verified")


def build(store: Path, part: Part, folder: Path) -> None:
    """Link a part's files into a new folder; raises :class:`DeployKitError` if one is outside it."""
    for layer in part.layers:
        listed = layers.load_entries(store, layer.sha256)
        outside = [entry.path for entry in listed if not entry.path.startswith(f"{part.path}/")]
        if outside:
            raise DeployKitError(
                f"layer {layer.name} contains {outside[0]}, which is not below {part.path}"
            )
        link_layer(store / layer.sha256, listed, folder)


def has_code(store: Path, part: Part) -> bool:
    """Whether a part has Python modules, which may look for files from their own path."""
    lists = (layers.load_entries(store, layer.sha256) for layer in part.layers)
    return any(entry.path.endswith(".py") for listed in lists for entry in listed)


def link_in(release: Path, path: str, name: str) -> None:
    """Make the folder ``path`` of a release a link to a shared folder."""
    layers.Folders(str(release)).make(path.rpartition("/")[0])
    try:
        os.symlink(_text(path, name), release / path)
    except FileExistsError:
        raise DeployKitError(f"two layers contain {path}") from None


def _text(path: str, name: str) -> str:
    return "../" * (path.count("/") + 2) + f"shared/{name}/{path}"


def shared_by(release: Path, path: str) -> str:
    """Return the name of the shared folder that ``path`` of a release is a link to, or ""."""
    try:
        text = os.readlink(release / path)
    except OSError:  # a folder of its own, as releases of older versions have
        return ""
    name = text[len("../") * (path.count("/") + 2) :].partition("/")[2].partition("/")[0]
    return name if _NAME.match(name) and text == _text(path, name) else ""


class Shares:
    """The shared folders of a release that is being staged: those that are there, and new ones."""

    def __init__(self, store: Path, manifest: Manifest) -> None:
        self._store, self._manifest = store, manifest
        self.parts = parts_of(manifest)
        self._names: Dict[str, str] = {}
        self._new: Dict[str, Path] = {}  # temporary folders, by the name that they get

    def find(self) -> None:
        """Find the shared folders that are there, and as they were verified."""
        for part in self.parts:
            self._names[part.path] = find_untouched(self._store, part)

    @property
    def digests(self) -> List[str]:
        """The layers that must be in the store: those that are not in a folder that is there."""
        found = [part for part in self.parts if self._names[part.path]]
        held = {layer.sha256 for part in found for layer in part.layers}
        return [one.sha256 for one in self._manifest.layers if one.sha256 not in held]

    def place(self, folder: Path) -> None:
        """Put the files of all layers into a folder, as links to files and to shared folders."""
        inside = {layer.sha256 for part in self.parts for layer in part.layers}
        link_layers(
            [one for one in self._manifest.layers if one.sha256 not in inside], self._store, folder
        )
        for part in self.parts:
            name = self._names[part.path]
            if not name and part.path != self._manifest.static_root and has_code(self._store, part):
                link_layers(part.layers, self._store, folder)
            else:
                link_in(folder, part.path, name or self._build(part))

    def _build(self, part: Part) -> str:
        top = shared_folder(self._store)
        if not top.exists():
            top.mkdir()
            os.chmod(top, 0o755)  # whatever the umask: another user runs the code
        validate_folder(top, top.parent)
        name = f"{part.key}-{os.urandom(6).hex()}"
        self._new[name] = layers.make_private_folder(top, ".building-")
        build(self._store, part, self._new[name])
        return name

    def publish(self) -> None:
        """Give the new folders their names."""
        for name, folder in self._new.items():
            os.rename(folder, folder.with_name(name))

    def remember(self) -> None:
        """Record that the files of the new folders are verified."""
        for name in self._new:
            remember(shared_folder(self._store) / name)

    def close(self) -> None:
        """Remove the new folders that were not published."""
        for folder in self._new.values():
            layers.remove_tree(folder)


def changed_files(root: Path, store: Path, manifest: Manifest) -> List[str]:
    """Return the files of a staged release that differ from its layers because they were edited."""
    trees = {}
    for part in parts_of(manifest):
        name = shared_by(root, part.path)
        if name:
            tree = shared_folder(store) / name
            trees.update({layer.sha256: tree for layer in part.layers})
    found = []
    for layer in manifest.layers:
        if layers.is_stored(store, layer.sha256):
            listed = layers.load_entries(store, layer.sha256)
            found += layers.differing_files(trees.get(layer.sha256, root), listed)
    return found


def names_of(release: Path, manifest: Manifest) -> Set[str]:
    """Return the names of the shared folders that a release uses."""
    return {shared_by(release, part.path) for part in parts_of(manifest)} - {""}
