"""The runtime in a bundle: its sources, and next to them the bytecode for the bundle's Python.

Python prefers ``runtime/bootstrap.pyc`` in a zip to ``runtime/bootstrap.py``. Another version of
Python ignores the bytecode and reads the source.
"""

from __future__ import annotations

import zipfile

from django_deploykit.bundle.build_cache import (
    cache_key,
    cached_text,
    keep_text,
    layer_paths,
    verify_layer,
)
from django_deploykit.bundle.environment import TargetPython
from django_deploykit.bundle.packing import Tree, pack_all
from django_deploykit.errors import BundleError
from django_deploykit.runtime.bundle import main_script
from django_deploykit.runtime.bundle.manifest import Layer
from django_deploykit.runtime.sources import FOLDER, sources


def files(target: TargetPython) -> dict[str, bytes]:
    """Return the runtime's sources and their bytecode, compiled by the target's Python.

    Raises :class:`BundleError` if the sources change meanwhile.
    """
    found = sources()
    digest = _cached(target)
    packed = _packed(digest) if digest else {}
    if not packed or _differ(found, packed):  # the sources may have changed while it was packed
        layer = pack_all([_tree()], target.executable, processes=1)[0]
        packed = _packed(layer.sha256)
        if _differ(found, packed):
            raise BundleError(
                f"{FOLDER} changed while it was packed", "Run the same command again."
            )
        remember(layer, target)
    return {**packed, **found}


def _differ(found: dict[str, bytes], packed: dict[str, bytes]) -> bool:
    """Return whether sources differ from the packed ones; a layer has no empty files."""
    return any(packed.get(name, b"") != data for name, data in found.items())


def _packed(digest: str) -> dict[str, bytes]:
    """Return the files of the runtime's layer; with the bytecode beside the sources."""
    found = {}
    with zipfile.ZipFile(layer_paths(digest)[0]) as archive:
        for name in archive.namelist():
            path = name.removeprefix("runtime/")
            if path.endswith(".pyc"):  # cli/__pycache__/main.cpython-311.pyc
                folder, _, file = path.replace("__pycache__/", "").rpartition("/")
                path = f"{folder}/{file.partition('.')[0]}.pyc".lstrip("/")
            found[path] = archive.read(name)
    return found


def runtime_digest() -> str:
    """Return the digest of the runtime's sources, which is part of a new bundle's manifest."""
    return main_script.runtime_digest(sources())


def unpacked(target: TargetPython) -> Tree | None:
    """Return the runtime as a tree to pack together with others, or None if it is cached."""
    return None if _cached(target) else _tree()


def remember(layer: Layer, target: TargetPython) -> None:
    """Cache the digest of the packed runtime."""
    keep_text("runtime", _key(target), layer.sha256)


def _cached(target: TargetPython) -> str:
    """Return the digest of the runtime's cached layer, or an empty string if none is valid."""
    digest = cached_text("runtime", _key(target))
    return digest if digest and verify_layer(digest) else ""


def _key(target: TargetPython) -> str:
    return cache_key(runtime_digest(), target.full, target.executable)


def _tree() -> Tree:
    rows = tuple((f"runtime/{name}", str(FOLDER / name)) for name in sources())
    return Tree("runtime", "runtime", "", rows)
