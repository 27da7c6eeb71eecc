"""A layer of an image: any engine can unpack it, and its bytes only depend on its files."""

from __future__ import annotations

import gzip
import io
import tarfile

from django_deploykit.bundle.formats.oci_tar import Blob, LayerWriter, content_time
from tests.images import digest


def write() -> tuple[bytes, Blob]:
    target = io.BytesIO()
    layer = LayerWriter(target)
    layer.folder("var/lib/shop", 65532)
    for path, data, mode in (
        ("srv/a/one.py", b"print()\n", 0o644),
        ("srv/a/two.py", b"print()\n", 0o644),
        ("srv/a/run.py", b"print()\n", 0o755),
        ("srv/" + 40 * "long/" + "ä.txt", b"x" * 1000, 0o644),
    ):
        layer.file(path, [data], size=len(data), sha256=digest(data), mode=mode)
    layer.link("srv/b/current", "../a")
    blob = layer.close()
    return target.getvalue(), blob


def test_it_is_a_tar_of_root_with_all_folders() -> None:
    data, blob = write()
    raw = gzip.decompress(data)
    assert (blob.digest, blob.diff_id) == (digest(data), digest(raw))
    assert blob.size == len(data)
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        found = {one.name: one for one in tar}
        content = tar.extractfile("srv/a/two.py")
        assert content is not None
        assert content.read() == b"print()\n"
    owners = {(one.uid, one.gid) for one in found.values()}
    assert owners == {(0, 0), (65532, 65532)}
    assert found["var/lib/shop"].uid == 65532
    assert {one.mode for one in found.values() if one.isdir()} == {0o755}
    for name in found:
        assert name.rpartition("/")[0] in ("", *found)
    assert found["srv/b/current"].linkname == "../a"


def test_equal_files_are_written_once_unless_their_mode_differs() -> None:
    raw = gzip.decompress(write()[0])
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        assert [one.name for one in tar if one.islnk()] == ["srv/a/two.py"]


def test_the_same_files_give_the_same_bytes() -> None:
    assert write() == write()


def test_times_change_with_the_content_and_are_past() -> None:
    times = {content_time(digest(bytes([n]))) for n in range(100)}
    assert len(times) == 100
    assert max(times) < 1_000_000_000
