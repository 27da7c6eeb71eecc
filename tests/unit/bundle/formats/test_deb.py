"""The Debian package: the bundle itself in it, root's files, the same bytes each time."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from django_deploykit.bundle.build_cache import layer_paths
from django_deploykit.bundle.formats import pyz
from django_deploykit.bundle.formats.base import Content, find_format
from django_deploykit.bundle.formats.deb import FORMAT
from django_deploykit.errors import BundleError
from django_deploykit.runtime.bundle.manifest import dump_list
from django_deploykit.runtime.sources import sources
from tests.bundles import entries_of, layer_zip, make_layer, make_manifest
from tests.unit.bundle.test_shared_libraries import elf

_TREE = {"app/manage.py": b"print('shop')\n", "lib/x.so": elf(["libpq.so.5", "libc.so.6"])}
_LAYER = make_layer("app", "app", "", _TREE)


@pytest.fixture
def content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Content:
    """Return a content of one layer, which is in the cache."""
    monkeypatch.setenv("DEPLOYKIT_BUILD_CACHE", str(tmp_path / "cache"))
    archive, listing, checksum = layer_paths(_LAYER.sha256)
    archive.write_bytes(layer_zip(_TREE))
    listing.write_text(dump_list(entries_of(_TREE)))
    checksum.write_text(hashlib.sha256(archive.read_bytes()).hexdigest())
    manifest = make_manifest((_LAYER,), platform="linux-x86_64", glibc="2.17", python="3.11")
    return Content(manifest, sources(), {"sample.ini": b"[shop]\n", "sbom.cdx.json": b"{}"})


def members(path: Path) -> dict[str, bytes]:
    """Return the members of an ar archive."""
    data, found, place = path.read_bytes(), {}, 8
    assert data[:8] == b"!<arch>\n"
    while place < len(data):
        header = data[place : place + 60]
        size = int(header[48:58])
        found[header[:16].decode().strip()] = data[place + 60 : place + 60 + size]
        place += 60 + size + size % 2
    return found


def tree(data: bytes) -> dict[str, bytes]:
    """Return the regular files of a tar archive."""
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        files = [one for one in archive if one.isreg()]
        return {one.name: archive.extractfile(one).read() for one in files}  # type: ignore[union-attr]


def test_dpkg_verifies_the_bundle_that_the_other_format_writes(
    tmp_path: Path, content: Content
) -> None:
    path = tmp_path / FORMAT.file_name(content.manifest)
    assert path.name == "shop_20261123T041500+ab12cd3+py3.11_amd64.deb"
    written = FORMAT.write(content, path)
    assert written == (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size)
    pyz.write(content, tmp_path / "shop.pyz")
    found = members(path)
    assert list(found) == ["debian-binary", "control.tar.gz", "data.tar"]
    data, control = tree(found["data.tar"]), tree(found["control.tar.gz"])
    assert data["./usr/lib/shop/shop.pyz"] == (tmp_path / "shop.pyz").read_bytes()
    assert data["./usr/share/doc/shop/examples/shop.ini"] == b"[shop]\n"
    assert data["./usr/share/doc/shop/sbom.cdx.json"] == b"{}"
    rows = [f"{hashlib.md5(text).hexdigest()}  {name[2:]}" for name, text in sorted(data.items())]
    assert control["./md5sums"].decode().splitlines() == rows
    assert set(control) == {"./control", "./md5sums", "./postinst", "./postrm", "./prerm"}
    assert b"libc6 (>= 2.17), libpq5," in control["./control"]
    assert not [one for one in tmp_path.iterdir() if one.name.startswith(".")]


def test_nothing_of_the_builder_is_in_it(
    tmp_path: Path, content: Content, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = FORMAT.write(content, tmp_path / "one.deb")
    other = tmp_path / "another folder"
    other.mkdir()
    monkeypatch.chdir(other)
    for name in ("HOME", "USER", "LOGNAME", "TMPDIR", "DEBEMAIL", "DEBFULLNAME"):
        monkeypatch.setenv(name, str(other))
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    before = os.umask(0o077)
    try:
        assert FORMAT.write(content, other / "two.deb") == first
    finally:
        os.umask(before)


def test_another_architecture_is_another_file(content: Content) -> None:
    name = FORMAT.file_name(replace(content.manifest, platform="any"))
    assert name.endswith("_all.deb")
    assert FORMAT.file_name(replace(content.manifest, platform="linux-aarch64")).endswith(
        "_arm64.deb"
    )
    with pytest.raises(BundleError, match="no architecture of Debian is macosx-arm64"):
        FORMAT.file_name(replace(content.manifest, platform="macosx-arm64"))


def test_refuses_a_damaged_layer(tmp_path: Path, content: Content) -> None:
    archive = layer_paths(_LAYER.sha256)[0]
    archive.write_bytes(archive.read_bytes() + b"x")
    with pytest.raises(BundleError, match="damaged"):
        FORMAT.write(content, tmp_path / "one.deb")
    assert [one.name for one in tmp_path.iterdir()] == ["cache"]


def test_the_table_has_it() -> None:
    assert find_format("deb") is FORMAT
