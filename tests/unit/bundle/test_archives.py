"""Archives of Debian packages: fixed bytes, root as the owner, whatever is read from."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

from django_deploykit.bundle.archives import AR_START, ArchiveFile, ar_member, gzipped, write_tar

_MOMENT = 1795407300


def _tar(files: dict[str, ArchiveFile]) -> bytes:
    target = io.BytesIO()
    write_tar(target, files, _MOMENT)
    return target.getvalue()


def test_a_tar_has_files_and_their_folders_of_root(tmp_path: Path) -> None:
    big = tmp_path / "big"
    big.write_bytes(bytes(3 << 20))
    os.utime(big, (1, 1))
    files = {"usr/lib/shop/big": ArchiveFile(0o755, big), "usr/a": ArchiveFile(0o644, b"text")}
    with tarfile.open(fileobj=io.BytesIO(_tar(files))) as archive:
        members = archive.getmembers()
        small = archive.extractfile("./usr/a")
        assert small is not None
        assert small.read() == b"text"
    assert [one.name for one in members] == [
        ".",
        "./usr",
        "./usr/a",
        "./usr/lib",
        "./usr/lib/shop",
        "./usr/lib/shop/big",
    ]
    assert {(one.uid, one.gid, one.uname, one.gname) for one in members} == {(0, 0, "root", "root")}
    assert {one.mtime for one in members} == {_MOMENT}
    assert [oct(one.mode) for one in members[-2:]] == ["0o755", "0o755"]
    assert members[-1].size == 3 << 20


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"text")
    read, held = ArchiveFile(0o644, tmp_path / "one"), ArchiveFile(0o644, b"text")
    assert read.size == held.size == 4
    assert _tar({"b": read, "a": held}) == _tar({"a": read, "b": held})
    assert gzipped(b"text" * 100) == gzipped(b"text" * 100)


def test_members_of_an_ar_archive_have_their_size_and_even_places() -> None:
    target = io.BytesIO()
    target.write(AR_START)
    for name, data in (("odd", b"abc"), ("even", b"abcd")):
        with ar_member(target, name, _MOMENT):
            target.write(data)
    assert target.getvalue() == (
        b"!<arch>\n"
        b"odd             1795407300  0     0     100644  3         `\nabc\n"
        b"even            1795407300  0     0     100644  4         `\nabcd"
    )
