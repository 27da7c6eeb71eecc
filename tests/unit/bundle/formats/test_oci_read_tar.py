"""Reading the members of a tar that somebody else wrote."""

from __future__ import annotations

import io
import tarfile

import pytest

from django_deploykit.bundle.formats.oci_read_tar import TarReader
from django_deploykit.errors import BundleError

_LONG = "folder/" * 30 + "file.txt"


def tar_of(*names: str, kind: int = tarfile.GNU_FORMAT) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=kind) as tar:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = 600
            tar.addfile(info, io.BytesIO(name[-1:].encode() * 600))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, _LONG
        tar.addfile(link)
    return target.getvalue()


def read(data: bytes) -> list[tuple[str, bytes, str]]:
    reader = TarReader(io.BytesIO(data), "a tar")
    return [(one.path, reader.read(one.size), one.target) for one in reader]


@pytest.mark.parametrize("kind", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_members_have_long_names_content_and_targets(kind: int) -> None:
    found = read(tar_of("./a", _LONG, "ä.b", kind=kind))
    assert [one[0] for one in found] == ["a", _LONG, "ä.b", "link"]
    assert found[1][1] == b"t" * 600
    assert found[3] == ("link", b"", _LONG)


def test_content_need_not_be_read() -> None:
    assert [one.path for one in TarReader(io.BytesIO(tar_of("a", "b")), "")] == ["a", "b", "link"]


@pytest.mark.parametrize("cut", [100, 600, 1100, 1600])
def test_a_tar_that_was_cut_off_is_damaged(cut: int) -> None:
    with pytest.raises(BundleError, match="a tar is damaged: it ends too early"):
        read(tar_of("a", "b")[:cut])


def test_sizes_are_limited() -> None:
    info = tarfile.TarInfo("huge")
    info.size = 1 << 50
    with pytest.raises(BundleError, match="the size of a member is not valid"):
        read(info.tobuf(tarfile.GNU_FORMAT))
    info = tarfile.TarInfo("extended")
    info.type, info.size = tarfile.XHDTYPE, 1 << 30
    with pytest.raises(BundleError, match="an extended header is too long"):
        read(info.tobuf(tarfile.GNU_FORMAT))


@pytest.mark.parametrize("text", [b"999999 path=x\n", b"x path=a\n", b"0 path=x\n", b"9 size=-5\n"])
def test_damaged_extended_headers_are_refused(text: bytes) -> None:
    info = tarfile.TarInfo("extended")
    info.type, info.size = tarfile.XHDTYPE, len(text)
    data = info.tobuf(tarfile.GNU_FORMAT) + text.ljust(512, b"\0") + tar_of("a")
    with pytest.raises(BundleError, match="is damaged"):
        read(data)


def test_noise_is_no_tar() -> None:
    with pytest.raises(BundleError, match="a header is not valid"):
        read(b"noise" * 200)
