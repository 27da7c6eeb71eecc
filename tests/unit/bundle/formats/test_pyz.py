"""Writing the one file: sealed in one pass, whole or not there, never with a damaged layer in it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from django_deploykit.bundle.formats.pyz import DamagedLayer, write_bundle
from django_deploykit.runtime.bundle.manifest import Layer, Manifest, dump_list
from django_deploykit.runtime.bundle.reader import BundleFile
from django_deploykit.runtime.bundle.seal import DamagedError, judge_seal
from tests.bundles import entries_of, layer_zip, make_layer, make_manifest

_TREE = {"app/manage.py": b"print('shop')\n", "app/big.bin": bytes(3 << 20)}


def cached(folder: Path) -> tuple[Layer, Manifest, dict[str, bytes]]:
    """Put a layer into a cache; returns it, a manifest with it, and the bundle's other members."""
    folder.mkdir(exist_ok=True)
    layer = make_layer("app", "app", "", _TREE)
    data = layer_zip(_TREE)
    (folder / f"{layer.sha256}.zip").write_bytes(data)
    (folder / f"{layer.sha256}.sum").write_text(hashlib.sha256(data).hexdigest())
    manifest = make_manifest((layer,))
    members = {
        "__main__.py": b"",
        "manifest.json": manifest.dumps().encode(),
        f"layers/{layer.sha256}.json": dump_list(entries_of(_TREE)).encode(),
    }
    return layer, manifest, members


def test_what_is_written_is_sealed_and_read_back(tmp_path: Path) -> None:
    layer, manifest, members = cached(tmp_path / "cache")
    path = tmp_path / "shop.pyz"
    digest, size = write_bundle(path, 1795407300, members, (layer,), tmp_path / "cache")
    data = path.read_bytes()
    assert (digest, size) == (hashlib.sha256(data).hexdigest(), len(data))
    judge_seal(path)
    with BundleFile(path) as bundle:
        assert bundle.manifest == manifest
        found = {
            entry.path: content if isinstance(content, bytes) else b"".join(content)
            for entry, content in bundle.files(layer.sha256)
        }
    assert found == _TREE


@pytest.mark.parametrize("position", [30, 5000, -70, -1])
def test_the_seal_finds_a_changed_byte(tmp_path: Path, position: int) -> None:
    layer, _, members = cached(tmp_path / "cache")
    path = tmp_path / "shop.pyz"
    write_bundle(path, 1795407300, members, (layer,), tmp_path / "cache")
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamagedError):
        judge_seal(path)


def test_the_same_members_give_the_same_bytes(tmp_path: Path) -> None:
    layer, _, members = cached(tmp_path / "cache")
    written = [
        write_bundle(tmp_path / name, 1795407300, members, (layer,), tmp_path / "cache")
        for name in ("one.pyz", "two.pyz")
    ]
    assert written[0] == written[1]


def test_a_damaged_layer_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    layer, _, members = cached(tmp_path / "cache")
    archive = tmp_path / "cache" / f"{layer.sha256}.zip"
    data = bytearray(archive.read_bytes())
    data[40] ^= 1
    archive.write_bytes(data)
    out = tmp_path / "out"
    with pytest.raises(DamagedLayer, match=layer.sha256):
        write_bundle(out / "shop.pyz", 1795407300, members, (layer,), tmp_path / "cache")
    assert list(out.iterdir()) == []
