"""Reading layouts that others wrote: folders and archives, which may be hostile."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import pytest

from django_deploykit.bundle.formats.oci_layout import GZIP, Descriptor, Layout, Unpacked
from django_deploykit.errors import BundleError
from tests.images import FILES, digest, image_blobs, layer_tar, write_archive, write_base

_DIGEST = "0" * 64


@pytest.fixture
def base(tmp_path: Path) -> Path:
    write_base(tmp_path / "base.oci.tar")
    return tmp_path / "base.oci.tar"


@pytest.mark.parametrize("folder", [False, True])
def test_an_archive_and_a_folder_have_the_same_blobs(base: Path, folder: bool) -> None:
    blobs, image = image_blobs([layer_tar(FILES)])
    path = base
    if folder:
        path = base.parent / "layout"
        with tarfile.open(base) as tar:
            tar.extractall(path, filter="data")
    layout = Layout(path)
    assert layout.names() == [f"sha256:{image}"]
    assert set(layout.places) == set(blobs)
    manifest = layout.document(image)
    layer = layout.descriptor(manifest["layers"][0])
    assert layer.media_type == GZIP
    diff_id = layout.document(layout.descriptor(manifest["config"]).digest)["rootfs"]["diff_ids"][0]
    with layout.opened_tar(layer, diff_id) as file:
        assert file.read() == layer_tar(FILES)


def test_other_content_is_refused_before_it_is_used(tmp_path: Path) -> None:
    blobs, image = image_blobs([layer_tar(FILES)])
    blobs[image] = blobs[image].replace(b"schemaVersion", b"schemaVersiom")
    write_archive(tmp_path / "bad", blobs, image)
    with pytest.raises(BundleError, match=r"the blob sha256:\w{12}… has other content"):
        Layout(tmp_path / "bad").document(image)


def test_a_tar_that_is_not_the_one_in_the_configuration_is_refused(base: Path) -> None:
    layout = Layout(base)
    name = next(one for one in layout.places if layout.places[one][2] < 300)
    layer = Descriptor(GZIP, name, layout.places[name][2])
    with (
        pytest.raises(BundleError, match="a layer is not"),
        layout.opened_tar(layer, f"sha256:{_DIGEST}") as file,
    ):
        file.read()


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("../escape", b"", "'../escape' is not part of a layout"),
        ("/etc/passwd", b"", "'etc/passwd' is not part of a layout"),
        ("blobs/sha256/../../x", b"", "is not part of a layout"),
        (f"blobs/sha256/{_DIGEST}", "../../../etc/shadow", "is a link or a device"),
        ("index.json", b"{}", "index.json is in it twice"),
    ],
)
def test_hostile_archives_are_refused(
    base: Path, name: str, content: bytes | str, problem: str
) -> None:
    with tarfile.open(base.parent / "bad", "w") as tar:
        index = tarfile.TarInfo("index.json")
        index.size = 2
        tar.addfile(index, io.BytesIO(b"{}"))
        info = tarfile.TarInfo(name)
        if isinstance(content, str):
            info.type, info.linkname = tarfile.SYMTYPE, content
        info.size = len(content) if isinstance(content, bytes) else 0
        tar.addfile(info, io.BytesIO(content if isinstance(content, bytes) else b""))
    with pytest.raises(BundleError) as caught:
        Layout(base.parent / "bad")
    assert problem in caught.value.message


def test_links_in_a_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "blobs" / "sha256").mkdir(parents=True)
    (tmp_path / "index.json").write_text("{}")
    (tmp_path / "blobs" / "sha256" / _DIGEST).symlink_to("/etc/passwd")
    with pytest.raises(BundleError, match="is not a regular file"):
        Layout(tmp_path)


@pytest.mark.parametrize("cut", [100, 700, 2000])
def test_an_archive_that_was_cut_off_is_damaged(base: Path, cut: int) -> None:
    base.write_bytes(base.read_bytes()[:cut])
    with pytest.raises(BundleError, match="is damaged: it ends too early"):
        Layout(base)


def test_other_files_are_no_layout(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(layer_tar({}))
    with pytest.raises(BundleError, match=r"it has no index\.json"):
        Layout(tmp_path / "x.tar")


@pytest.mark.parametrize("text", ["[]", "x", "[" * 100_000])
def test_a_document_that_is_no_object_is_damaged(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.tar").write_bytes(layer_tar({"index.json": text.encode()}))
    with pytest.raises(BundleError, match="a document is not"):
        Layout(tmp_path / "x.tar").names()


@pytest.mark.parametrize("text", ['{"digest": 1}', '{"manifests": 5}', '{"manifests": [5, {}]}'])
def test_documents_may_say_anything(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.tar").write_bytes(layer_tar({"index.json": text.encode()}))
    layout = Layout(tmp_path / "x.tar")
    assert layout.names() == []
    with pytest.raises(BundleError, match="is missing or has another size"):
        layout.descriptor({"digest": f"sha256:{_DIGEST}", "size": 1})


def test_gzip_may_have_several_members() -> None:
    data = gzip.compress(b"a" * 100_000) + gzip.compress(b"b")
    file = io.BufferedReader(io.BytesIO(data))
    assert io.BufferedReader(Unpacked(file, BundleError)).read() == b"a" * 100_000 + b"b"
    for bad in (data[:-3], b"noise" + data):
        file = io.BufferedReader(io.BytesIO(bad))
        with pytest.raises(BundleError):
            io.BufferedReader(Unpacked(file, BundleError)).read()


def test_digest_is_the_one_of_the_bytes() -> None:
    assert digest(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
