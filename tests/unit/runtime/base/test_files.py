"""Reading files that others can replace, writing files that appear whole, hashing files."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from django_deploykit.runtime.base.errors import DeployKitError
from django_deploykit.runtime.base.files import (
    entries,
    hash_file,
    hash_stream,
    is_full,
    is_temporary,
    is_without_space,
    read_bytes,
    read_end,
    read_regular,
    temporary_path,
    write_and_replace,
    write_in_place,
)


def test_reads_a_regular_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("naïve", encoding="utf-8")
    assert read_regular(path, 6) == "naïve"


def test_a_missing_file_has_an_error_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_regular(tmp_path / "file", 10)


@pytest.mark.parametrize("kind", ["link", "dangling", "pipe", "folder", "device", "long", "bytes"])
def test_refuses_everything_else(tmp_path: Path, kind: str) -> None:
    path, other = tmp_path / "file", tmp_path / "other"
    other.write_text("secret")
    make: dict[str, Callable[[], object]] = {
        "link": lambda: path.symlink_to(other),
        "dangling": lambda: path.symlink_to(tmp_path / "nothing"),
        "pipe": lambda: os.mkfifo(path),
        "folder": path.mkdir,
        "device": lambda: path.symlink_to("/dev/zero"),
        "long": lambda: path.write_bytes(b"x" * 11),
        "bytes": lambda: path.write_bytes(b"\xff"),
    }
    make[kind]()
    with pytest.raises(DeployKitError) as caught:
        read_regular(path, 10)
    assert str(path) in caught.value.message
    assert "secret" not in str(caught.value)


@pytest.fixture
def strict_umask() -> Iterator[None]:
    before = os.umask(0o027)
    yield
    os.umask(before)


@pytest.mark.usefixtures("strict_umask")
@pytest.mark.parametrize(("mode", "expected"), [(None, 0o640), (0o644, 0o644), (0o440, 0o440)])
def test_a_written_file_has_its_mode_or_the_umask(
    tmp_path: Path, mode: int | None, expected: int
) -> None:
    path = tmp_path / "file"
    path.write_text("before")
    write_and_replace(path, "naïve", mode, sync=True)
    assert path.read_bytes() == "naïve".encode()
    assert stat.S_IMODE(path.stat().st_mode) == expected
    assert os.listdir(tmp_path) == ["file"]


def test_a_reader_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"before")
    with path.open("rb") as reader:
        write_and_replace(path, b"after")
        assert reader.read() == b"before"
    assert path.read_bytes() == b"after"


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    path, other = tmp_path / "file", tmp_path / "other"
    other.write_text("untouched")
    path.symlink_to(other)
    write_and_replace(path, "new")
    assert not path.is_symlink()
    assert other.read_text() == "untouched"


@pytest.mark.parametrize("place", ["a", "a/b"])
def test_no_folder_below_the_trusted_one_may_be_a_link(tmp_path: Path, place: str) -> None:
    top, elsewhere = tmp_path / "top", tmp_path / "elsewhere"
    (elsewhere / "b").mkdir(parents=True)
    top.mkdir()
    if place == "a/b":
        (top / "a").mkdir()
    (top / place).symlink_to(elsewhere / place.removeprefix("a").removeprefix("/"))
    (elsewhere / "b" / "file").write_text("secret")
    path = top / "a" / "b" / "file"
    with pytest.raises(DeployKitError, match=f"{path} cannot be read: is a link"):
        read_regular(path, 10, top=top)
    with pytest.raises(OSError, match="is a link"):
        read_bytes(path, top=top)
    with pytest.raises(OSError, match="is a link"):
        write_and_replace(path, "new", top=top)
    assert os.listdir(elsewhere / "b") == ["file"]
    assert (elsewhere / "b" / "file").read_text() == "secret"


def test_content_that_is_refused_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("before")
    seen = []

    def refuse(temporary: Path) -> None:
        seen.append((temporary.parent, temporary.read_text()))
        raise DeployKitError("bad")

    with pytest.raises(DeployKitError, match="bad"):
        write_and_replace(path, "after", validate=refuse)
    assert seen == [(tmp_path, "after")]
    assert path.read_text() == "before"
    assert os.listdir(tmp_path) == ["file"]


def test_a_file_and_the_start_of_a_stream_are_hashed(tmp_path: Path) -> None:
    path, data = tmp_path / "file", b"0123456789" * (1 << 18)
    path.write_bytes(data)
    assert hash_file(path) == hashlib.sha256(data).hexdigest()
    file = io.BytesIO(data)
    assert hash_stream(file, 7) == hashlib.sha256(data[:7]).hexdigest()
    assert hash_stream(file) == hashlib.sha256(data[7:]).hexdigest()
    assert hash_stream(io.BytesIO(b"short"), 99) == hashlib.sha256(b"short").hexdigest()


def test_a_file_that_is_overwritten_keeps_its_place_on_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_in_place(path, "a long text " * 20)
    before = path.stat()
    write_in_place(path, "short")
    after = path.stat()
    assert path.read_text().rstrip() == "short"
    assert (after.st_ino, after.st_size, after.st_blocks) == (before.st_ino, 4096, before.st_blocks)


def test_no_link_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("kept")
    (tmp_path / "file").symlink_to("other")
    with pytest.raises(OSError):
        write_in_place(tmp_path / "file", "new")
    assert (tmp_path / "other").read_text() == "kept"


def test_what_a_killed_process_left_is_found_by_its_name(tmp_path: Path) -> None:
    left = temporary_path(tmp_path / "enabled")
    for path in (left, tmp_path / "enabled", tmp_path / ".cache", tmp_path / ".my-file"):
        path.write_text("")
    assert [path for path in entries(tmp_path, "") if is_temporary(path)] == [left]


def test_lists_no_folder_through_a_link(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / ".profile").touch()
    (tmp_path / "inbox").symlink_to("home")
    assert entries(tmp_path, "inbox") == entries(tmp_path, "missing") == []
    assert entries(tmp_path, "home/.profile") == []
    assert entries(tmp_path, "home") == [home / ".profile"]
    assert entries(tmp_path, "") == [home, tmp_path / "inbox"]


def test_a_full_disk_and_a_full_quota_are_full() -> None:
    assert is_full(OSError(errno.ENOSPC, "x"))
    assert is_full(OSError(errno.EDQUOT, "x"))
    assert not is_full(OSError(errno.EACCES, "x"))


def test_a_file_with_holes_does_not_fill_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"start")
    os.truncate(path, 1 << 40)
    with pytest.raises(OSError, match=r"is longer than 10 bytes.*file"):
        read_bytes(path, 10)
    with pytest.raises(OSError, match="is longer than"):
        read_bytes(path)
    assert read_end(path, 4) == bytes(4)
    path.write_bytes(b"0123456789")
    assert (read_bytes(path, 10), read_end(path, 4), read_end(path, 99)) == (
        *(b"0123456789", b"6789", b"0123456789"),
    )


@pytest.mark.parametrize(
    ("blocks", "files", "left", "full"),
    [(0, 0, 0, True), (9, 0, 0, False), (9, 5, 0, True), (9, 5, 1, False)],
)
def test_a_disk_without_blocks_or_inodes_is_without_space(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, blocks: int, files: int, left: int, full: bool
) -> None:
    found = os.statvfs_result((4096, 4096, 99, blocks, blocks, files, left, left, 0, 255))
    monkeypatch.setattr("os.statvfs", lambda _: found)
    assert is_without_space(tmp_path) is full


def test_a_folder_that_is_not_there_is_not_full(tmp_path: Path) -> None:
    assert not is_without_space(tmp_path / "nothing")
