"""Extracting a bundle's layers into the store, by two processes that share the work."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from django_deploykit.runtime.base.errors import DeployKitError
from django_deploykit.runtime.base.workers import Background
from django_deploykit.runtime.bundle.reader import BundleFile
from django_deploykit.runtime.bundle.seal import DamagedError
from django_deploykit.runtime.storage import layers as store
from tests.bundles import Tree, layer_zip, make_layer, make_manifest, write_bundle

TREES: dict[str, Tree] = {
    f"d{number}": {f"lib/d{number}/{name}.py": b"%d" % number * size for name, size in rows}
    for number, rows in enumerate([[("a", 1), ("b", 90)], [("a", 5000)], [("c", 0)], [("e", 7)]])
}


def bundle_of(folder: Path, extra: dict[str, bytes] | None = None) -> Path:
    layers = tuple(make_layer("distribution", name, "1", tree) for name, tree in TREES.items())
    return write_bundle(folder / "x.pyz", make_manifest(layers), TREES, extra)


def test_every_layer_comes_once_and_is_whole(tmp_path: Path) -> None:
    with BundleFile(bundle_of(tmp_path)) as bundle:
        layers = bundle.manifest.layers
        came = list(store.iter_extracted(bundle, tmp_path / "store", layers))
    assert sorted(layer.name for layer in came) == sorted(TREES)
    for layer in layers:
        assert store.is_stored(tmp_path / "store", layer.sha256)
        assert store.damaged_files(tmp_path / "store", layer.sha256) == []
    assert not [path for path in (tmp_path / "store").iterdir() if path.name.startswith(".")]


def test_more_layers_than_the_queue_holds_are_done_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = store._make_queue
    monkeypatch.setattr(store, "_make_queue", lambda count: queue(min(count, 2)))
    with BundleFile(bundle_of(tmp_path)) as bundle:
        came = list(store.iter_extracted(bundle, tmp_path / "store", bundle.manifest.layers))
    assert sorted(layer.name for layer in came) == sorted(TREES)


@pytest.mark.parametrize("name", sorted(TREES))
def test_damage_is_told_whichever_process_found_it(tmp_path: Path, name: str) -> None:
    digest = make_layer("distribution", name, "1", TREES[name]).sha256
    other = layer_zip(dict.fromkeys(TREES[name], b"other"))
    path = bundle_of(tmp_path, {f"layers/{digest}.zip": other})
    with pytest.raises(DamagedError, match=f"layer {name}"):
        store.extract_all(path, tmp_path / "store", manifest_layers(path), lambda: None)
    assert not store.is_stored(tmp_path / "store", digest)


def manifest_layers(path: Path):  # type: ignore[no-untyped-def]
    with BundleFile(path) as bundle:
        return bundle.manifest.layers


def test_a_judgement_beside_it_refuses_the_whole(tmp_path: Path) -> None:
    def judge() -> None:
        raise DamagedError("the seal is broken")

    path = bundle_of(tmp_path)
    with pytest.raises(DamagedError, match="the seal is broken"):
        store.extract_all(path, tmp_path / "store", manifest_layers(path), judge)


def test_who_stops_in_the_middle_leaves_no_process(tmp_path: Path) -> None:
    with BundleFile(bundle_of(tmp_path)) as bundle:
        coming = store.iter_extracted(bundle, tmp_path / "store", bundle.manifest.layers)
        next(coming)
        coming.close()
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_a_whole_tree_whose_list_is_not_there_yet_stays(tmp_path: Path) -> None:
    """Another process has renamed it and is about to write the list: releases may link it already."""
    with BundleFile(bundle_of(tmp_path)) as bundle:
        digest = bundle.manifest.layers[0].sha256
        store.extract(bundle, tmp_path / "store", digest)
        (tmp_path / "store" / f"{digest}.json").unlink()
        before = (tmp_path / "store" / digest).stat().st_ino
        store.extract(bundle, tmp_path / "store", digest)
        assert (tmp_path / "store" / digest).stat().st_ino == before
        assert store.is_stored(tmp_path / "store", digest)


def test_a_tree_that_was_cut_off_is_replaced(tmp_path: Path) -> None:
    with BundleFile(bundle_of(tmp_path)) as bundle:
        digest = bundle.manifest.layers[0].sha256
        store.extract(bundle, tmp_path / "store", digest)
        (tmp_path / "store" / f"{digest}.json").unlink()
        next((tmp_path / "store" / digest).rglob("b.py")).write_bytes(b"")
        store.extract(bundle, tmp_path / "store", digest)
        assert store.damaged_files(tmp_path / "store", digest) == []


def test_a_job_aside_is_done_again_where_it_failed(tmp_path: Path) -> None:
    def fail() -> None:
        raise DeployKitError("wrong")

    aside = Background(fail)
    with pytest.raises(DeployKitError, match="wrong"):
        aside.result()
    aside = Background((tmp_path / "done").touch)
    aside.result()
    assert (tmp_path / "done").exists()
    assert aside.close() == b""
