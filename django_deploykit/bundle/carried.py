"""The runtime as a bundle carries it: its sources, and bytecode of the bundle's Python beside them.

Python reads ``runtime/entry.pyc`` out of a zip before ``runtime/entry.py`` and, being another
version than the one that compiled it, goes on to the source.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

from django_deploykit.bundle import layers
from django_deploykit.bundle.environment import Target
from django_deploykit.runtime import __file__ as runtime_file
from django_deploykit.runtime.manifest import FileEntry, Layer, tree_digest


def sources() -> dict[str, bytes]:
    """Return the runtime's sources by name, ``entry.py``."""
    folder = Path(runtime_file).parent
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.py"))}


def files(target: Target) -> dict[str, bytes]:
    """Return the runtime's sources, and their bytecode, ``entry.pyc``, compiled by the target's Python."""
    texts = sources()
    found = dict(texts)
    with zipfile.ZipFile(layers.layer_folder() / f"{_packed(texts, target)}.zip") as archive:
        for name in archive.namelist():
            if name.endswith(".pyc"):  # runtime/__pycache__/entry.cpython-311.pyc
                stem = os.path.basename(name).partition(".")[0]
                found[f"{stem}.pyc"] = archive.read(name)
    return found


def runtime_digest() -> str:
    """Return the digest of the runtime that bundles built now carry: of its sources."""
    return _digest_of(sources())


def _digest_of(found: Mapping[str, bytes]) -> str:
    return tree_digest(
        FileEntry(f"runtime/{name}", 0o644, len(data), hashlib.sha256(data).hexdigest())
        for name, data in found.items()
    )


def _packed(texts: Mapping[str, bytes], target: Target) -> str:
    """Return the digest of the cached layer that holds the runtime, packed where it is not there."""
    key = layers.digest_of_text(_digest_of(texts), target.full, target.executable)
    note = layers.cache_folder() / f"runtime-{key[:32]}"
    folder = layers.layer_folder()
    if note.is_file():
        digest = note.read_text(encoding="ascii")
        if layers.judge_cached(digest, folder):
            return digest
    layer = _pack(texts, target)
    temporary = note.with_name(f".{note.name}.{os.getpid()}")
    temporary.write_text(layer.sha256, encoding="ascii")
    os.replace(temporary, note)
    return layer.sha256


def _pack(texts: Mapping[str, bytes], target: Target) -> Layer:
    where = Path(runtime_file).parent
    rows = tuple((f"runtime/{name}", str(where / name)) for name in texts)
    return layers.pack_all(
        [layers.Tree("runtime", "runtime", "", rows)], target.executable, processes=1
    )[0]
