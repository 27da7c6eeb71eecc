"""Opening files below a folder in which somebody else may have put anything."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from django_deploykit.runtime.base.opening import open_folder, open_regular


@pytest.fixture
def top(tmp_path: Path) -> Path:
    made = tmp_path / "top"
    (made / "a" / "b").mkdir(parents=True)
    (made / "a" / "b" / "file").write_bytes(b"content")
    (tmp_path / "elsewhere" / "b").mkdir(parents=True)
    (tmp_path / "elsewhere" / "b" / "file").write_bytes(b"secret")
    return made


def read(handle: int) -> bytes:
    with os.fdopen(handle, "rb") as file:
        return file.read()


def test_opens_a_file_below_the_folder(top: Path) -> None:
    assert read(open_regular(str(top), "a/b/file")) == b"content"
    handle = open_folder(str(top), "a/b")
    assert read(open_regular(str(top / "a/b"), "file", inside=handle)) == b"content"
    os.close(handle)  # it was left open


def test_the_folder_itself_may_be_reached_through_a_link(top: Path) -> None:
    top.with_name("link").symlink_to(top)
    assert read(open_regular(str(top.with_name("link")), "a/b/file")) == b"content"


@pytest.mark.parametrize("place", ["a", "a/b", "a/b/file"])
def test_no_part_of_the_path_may_be_a_link(top: Path, place: str) -> None:
    elsewhere = top.with_name("elsewhere")
    kept = top / place
    kept.rename(top / "kept")
    kept.symlink_to(elsewhere / place.removeprefix("a").removeprefix("/"))
    assert (top / "a/b/file").read_bytes() == b"secret"
    for flags in (os.O_RDONLY, os.O_WRONLY | os.O_CREAT, os.O_RDWR | os.O_APPEND):
        with pytest.raises(OSError, match="is a link, which is not followed here") as caught:
            open_regular(str(top), "a/b/file", flags)
        assert caught.value.filename == str(kept)
    assert (elsewhere / "b/file").read_bytes() == b"secret"


def test_a_dangling_link_is_not_created_through(top: Path) -> None:
    (top / "lock").symlink_to(top / "new")
    with pytest.raises(OSError, match="is a link"):
        open_regular(str(top), "lock", os.O_RDWR | os.O_CREAT)
    assert not (top / "new").exists()


@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_WRONLY, os.O_RDWR, os.O_RDWR | os.O_CREAT])
@pytest.mark.parametrize("kind", ["pipe", "socket", "folder"])
def test_opens_only_regular_files_and_never_waits(top: Path, kind: str, flags: int) -> None:
    path, sock = top / "x", socket.socket(socket.AF_UNIX)
    make: dict[str, Callable[[], object]] = {
        "pipe": lambda: os.mkfifo(path),
        "folder": path.mkdir,
        "socket": lambda: sock.bind(f"/proc/self/fd/{handle}/x"),
    }
    handle = open_folder(str(top))
    with sock:
        make[kind]()
        with pytest.raises(OSError) as caught:
            open_regular(str(top), "x", flags)
    os.close(handle)
    assert caught.value.filename == str(path)
    assert caught.value.errno in (errno.EINVAL, errno.EISDIR)


@pytest.mark.parametrize("name", ["../top/a/b/file", "a/../a/b/file", "a//b/file", "./a/b/file"])
def test_a_name_does_not_leave_the_folder(top: Path, name: str) -> None:
    with pytest.raises(OSError, match="is not a path below"):
        open_regular(str(top), name)


def test_what_is_missing_is_named_with_its_path(top: Path) -> None:
    for name in ("a/none", "none/file"):
        with pytest.raises(FileNotFoundError) as caught:
            open_regular(str(top), name)
        assert str(caught.value.filename) in (f"{top}/{name}", f"{top}/none")


def open_below(folder: Path) -> list[str]:
    """Return what this process has open in a folder; other tests' files may be closed meanwhile."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            found.append(os.readlink(f"/proc/self/fd/{name}"))
    return [path for path in found if Path(path).is_relative_to(folder.resolve())]


def test_no_descriptor_is_left_open(top: Path) -> None:
    os.mkfifo(top / "pipe")
    for name in ("pipe", "a/none", "a/b/file/x", "none/x", "a"):
        with pytest.raises(OSError):
            open_regular(str(top), name)
    os.close(open_regular(str(top), "a/b/file"))
    assert open_below(top) == []
