"""The store of layers, and damage in it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tracemalloc
from pathlib import Path

import pytest

from django_deploykit.runtime.bundle.manifest import FileEntry
from django_deploykit.runtime.storage import layers as store
from tests.bundles import make_layer
from tests.nesting import nest
from tests.unit.runtime.storage.sending import APP, Wire, bundle_of, holds, send


def test_damage_in_the_store_is_found_and_set_aside(tmp_path: Path) -> None:
    wire = Wire(tmp_path)
    send(bundle_of(tmp_path, APP), wire)
    digest = make_layer("app", "app", "", APP).sha256
    path = tmp_path / "store" / digest / "app/shop/views.py"
    for damage in (b"xld view\n", b"", None):
        path.unlink()
        if damage is not None:
            path.write_bytes(damage)
        assert store.damaged_files(tmp_path / "store", digest) == ["app/shop/views.py"]
        store.remove(tmp_path / "store", digest)
        assert not store.is_stored(tmp_path / "store", digest)
        send(bundle_of(tmp_path, APP), wire)
        assert holds(tmp_path / "store", APP)


@pytest.mark.parametrize("kind", ["pipe", "link to the file", "link to its folder"])
def test_what_is_no_file_of_a_layer_is_damage_and_is_not_opened(tmp_path: Path, kind: str) -> None:
    send(bundle_of(tmp_path, APP), Wire(tmp_path))
    digest = make_layer("app", "app", "", APP).sha256
    path = tmp_path / "store" / digest / "app/shop/views.py"
    moved = path.parent if kind.endswith("folder") else path
    moved.rename(tmp_path / "moved")
    if kind == "pipe":
        os.mkfifo(path)
    else:
        moved.symlink_to(tmp_path / "moved")
        assert path.read_bytes() == APP["app/shop/views.py"]
    assert "app/shop/views.py" in store.damaged_files(tmp_path / "store", digest)


def test_a_large_file_is_compared_in_pieces(tmp_path: Path) -> None:
    """A host has less memory than a model of a network has bytes; here, less than a hole."""
    tree = tmp_path / "store" / "x"
    tree.mkdir(parents=True)
    (tree / "model").touch()
    os.truncate(tree / "model", 1 << 26)
    digest = hashlib.sha256(bytes(1 << 26)).hexdigest()
    entry = FileEntry("model", 0o644, 1 << 26, digest)
    tracemalloc.start()
    try:
        assert store.differing_files(tree, [entry]) == []
        assert tracemalloc.get_traced_memory()[1] < 1 << 24
    finally:
        tracemalloc.stop()
    assert store.differing_files(tree, [entry._replace(sha256="0" * 64)]) == ["model"]


def test_a_tree_that_is_nested_very_deeply_ends_nothing(tmp_path: Path) -> None:
    nest(tmp_path / "deep", 1200)
    store.remove_tree(tmp_path / "deep")
    subprocess.run(["rm", "-rf", str(tmp_path / "deep")], check=True)
