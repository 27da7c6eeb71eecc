"""The runtime as a bundle carries it: its sources, and bytecode of the bundle's Python beside them.

Python reads ``runtime/bootstrap.pyc`` out of a zip before ``runtime/bootstrap.py`` and, being another
version than the one that compiled it, goes on to the source.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path

from django_deploykit.bundle import layers
from django_deploykit.bundle.environment import Target
from django_deploykit.bundle.packing import pack_all
from django_deploykit.runtime.base.files import write_and_replace
from django_deploykit.runtime.bundle.manifest import FileEntry, Layer, tree_digest
from django_deploykit.runtime.sources import FOLDER, sources


def files(target: Target) -> dict[str, bytes]:
    """Return the runtime's sources, and their bytecode, compiled by the target's Python."""
    texts = sources()
    found = dict(texts)
    with zipfile.ZipFile(layers.layer_folder() / f"{_packed(texts, target)}.zip") as archive:
        for name in archive.namelist():
            if name.endswith(".pyc"):  # runtime/cli/__pycache__/verbs.cpython-311.pyc
                folder, _, file = name.replace("__pycache__/", "").rpartition("/")
                path = f"{folder}/{file.partition('.')[0]}.pyc"
                found[path[len("runtime/") :]] = archive.read(name)
    return found


def runtime_digest() -> str:
    """Return the digest of the runtime that bundles built now carry: of its sources."""
    return _digest_of(sources())


def _digest_of(found: Mapping[str, bytes]) -> str:
    return tree_digest(
        FileEntry(f"runtime/{name}", 0o644, len(data), hashlib.sha256(data).hexdigest())
        for name, data in found.items()
    )


def unpacked(target: Target) -> layers.Tree | None:
    """Return the runtime as a tree, to be packed beside others; None where the cache holds it packed."""
    texts = sources()
    return None if _known(_note(texts, target)) else _tree(texts)


def note(layer: Layer, target: Target) -> None:
    """Keep under which digest the runtime was packed just now."""
    write_and_replace(_note(sources(), target), layer.sha256)


def _packed(texts: Mapping[str, bytes], target: Target) -> str:
    """Return the digest of the cached layer that holds the runtime, packed where it is not there."""
    known = _known(_note(texts, target))
    if known:
        return known
    layer = pack_all([_tree(texts)], target.executable, processes=1)[0]
    note(layer, target)
    return layer.sha256


def _note(texts: Mapping[str, bytes], target: Target) -> Path:
    key = layers.digest_of_text(_digest_of(texts), target.full, target.executable)
    return layers.cache_folder() / f"runtime-{key[:32]}"


def _known(note: Path) -> str:
    """Return the digest that a note tells of, "" where that layer is not whole, or there is no note."""
    digest = note.read_text(encoding="ascii") if note.is_file() else ""
    return digest if digest and layers.judge_cached(digest, layers.layer_folder()) else ""


def _tree(texts: Mapping[str, bytes]) -> layers.Tree:
    rows = tuple((f"runtime/{name}", str(FOLDER / name)) for name in texts)
    return layers.Tree("runtime", "runtime", "", rows)
