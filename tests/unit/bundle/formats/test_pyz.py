"""The executable zip: sealed in one pass, the same bytes each time, never with a damaged layer."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from django_deploykit.bundle.build_cache import layer_paths
from django_deploykit.bundle.formats.base import Content
from django_deploykit.bundle.formats.pyz import FORMAT, write
from django_deploykit.bundle.formats.sealed import zip_time
from django_deploykit.errors import BundleError
from django_deploykit.runtime.bundle.manifest import dump_list
from django_deploykit.runtime.bundle.reader import BundleFile
from django_deploykit.runtime.bundle.seal import DamagedError, validate_seal
from django_deploykit.runtime.sources import sources
from tests.bundles import entries_of, layer_zip, make_layer, make_manifest

_TREE = {"app/manage.py": b"print('shop')\n", "app/big.bin": bytes(3 << 20)}
_LAYER = make_layer("app", "app", "", _TREE)


@pytest.fixture
def content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Content:
    """Return a content of one layer, which is in the cache."""
    monkeypatch.setenv("DEPLOYKIT_BUILD_CACHE", str(tmp_path / "cache"))
    archive, listing, checksum = layer_paths(_LAYER.sha256)
    archive.write_bytes(layer_zip(_TREE))
    listing.write_text(dump_list(entries_of(_TREE)))
    checksum.write_text(hashlib.sha256(archive.read_bytes()).hexdigest())
    files = {"sample.ini": b"[site]\n", "sbom.cdx.json": b"{}"}
    return Content(make_manifest((_LAYER,)), sources(), files)


def test_the_reader_reads_what_was_written(tmp_path: Path, content: Content) -> None:
    path = tmp_path / FORMAT.file_name(content.manifest)
    digest, size = write(content, path)
    data = path.read_bytes()
    assert path.name == f"shop-{content.manifest.release_id}.pyz"
    assert (digest, size) == (hashlib.sha256(data).hexdigest(), len(data))
    assert path.stat().st_mode & 0o777 == 0o755
    validate_seal(path)
    with BundleFile(path) as bundle:
        assert bundle.manifest == content.manifest
        assert bundle.read("sample.ini") == b"[site]\n"
        found = {
            entry.path: content if isinstance(content, bytes) else b"".join(content)
            for entry, content in bundle.files(_LAYER.sha256)
        }
    assert found == _TREE


def test_members_are_sorted_and_have_the_commits_time(tmp_path: Path, content: Content) -> None:
    write(content, tmp_path / "shop.pyz")
    with zipfile.ZipFile(tmp_path / "shop.pyz") as archive:
        members = archive.infolist()
    assert [one.filename for one in members] == sorted(one.filename for one in members)
    assert {one.date_time for one in members} == {zip_time(content.manifest.commit_time)}
    assert {one.compress_type for one in members} == {zipfile.ZIP_STORED}


@pytest.mark.parametrize("position", [30, 5000, -70, -1])
def test_the_seal_finds_a_changed_byte(tmp_path: Path, content: Content, position: int) -> None:
    path = tmp_path / "shop.pyz"
    write(content, path)
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamagedError):
        validate_seal(path)


def test_the_same_content_gives_the_same_bytes(tmp_path: Path, content: Content) -> None:
    assert write(content, tmp_path / "one.pyz") == write(content, tmp_path / "two.pyz")


def test_refuses_a_damaged_layer(tmp_path: Path, content: Content) -> None:
    archive = layer_paths(_LAYER.sha256)[0]
    data = bytearray(archive.read_bytes())
    data[40] ^= 1
    archive.write_bytes(data)
    with pytest.raises(BundleError, match="was damaged and has been removed"):
        write(content, tmp_path / "shop.pyz")


def test_times_before_zip_become_its_first() -> None:
    assert zip_time(0) == (1980, 1, 1, 0, 0, 0)
    assert zip_time(1795407300) == (2026, 11, 23, 4, 15, 0)
