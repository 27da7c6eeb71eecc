"""Logs that are files."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.runtime.supervisors.log_files import read_files
from django_deploykit.runtime.wire.logs import LogPage, LogRequest

BOTH = LogRequest(("web", "worker"), lines=2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "log").mkdir()
    return tmp_path / "log"


def texts(page: LogPage) -> list[tuple[str, str]]:
    return [(line.process, line.text) for line in page.lines]


def test_the_last_lines_of_each_process_then_what_follows(folder: Path) -> None:
    (folder / "web").write_text("a\nb\nc\n")
    page = read_files(BOTH, "r1", folder.joinpath)
    assert texts(page) == [("web", "b"), ("web", "c")]
    assert {line.release for line in page.lines} == {"r1"}
    assert {line.time for line in page.lines} == {None}
    with (folder / "web").open("a") as file:
        file.write("d\nhalf")
    (folder / "worker").write_text("first\n")
    follows = LogRequest(("web", "worker"), cursor=page.cursor)
    page = read_files(follows, "r1", folder.joinpath)
    assert texts(page) == [("web", "d"), ("worker", "first")]
    with (folder / "web").open("a") as file:
        file.write(" a line\n")
    follows = LogRequest(("web", "worker"), cursor=page.cursor)
    assert texts(read_files(follows, "r1", folder.joinpath)) == [("web", "half a line")]


@pytest.mark.parametrize("release", ["r1", "r2"])
def test_a_rotated_file_and_another_releases_file_are_read_from_the_beginning(
    folder: Path, release: str
) -> None:
    web = LogRequest(("web",))
    (folder / "web").write_text("long before\n" * 9)
    cursor = read_files(web, "r1", folder.joinpath).cursor
    (folder / "web").write_text("new\n")
    follows = LogRequest(("web",), cursor=cursor)
    assert texts(read_files(follows, release, folder.joinpath)) == [("web", "new")]


def test_only_the_end_of_a_long_file_is_read(folder: Path) -> None:
    path = folder / "web"
    path.write_bytes(b"x" * (1 << 20) + "\nä\n\xff".encode("latin-1") + b"\nlast\n")
    one = read_files(LogRequest(("web",), lines=1), "r", folder.joinpath)
    assert texts(one) == [("web", "last")]
    four = read_files(LogRequest(("web",), lines=4), "r", folder.joinpath)
    assert [line.text for line in four.lines] == ["\ufffd", "\ufffd", "last"]


def test_a_link_is_not_followed(folder: Path) -> None:
    (folder / "secret").write_text("secret\n")
    (folder / "web").symlink_to(folder / "secret")
    with pytest.raises(OSError, match="web"):
        read_files(LogRequest(("web",)), "r", folder.joinpath)
