"""Changed files are found without reading them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from django_deploykit.runtime.storage.identity import identify, is_untouched, remember


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "release"
    (made / "deep/er").mkdir(parents=True)
    (made / "a.py").write_text("a = 1")
    (made / "deep/er/b.py").write_text("b = 1")
    (made / "link").symlink_to("a.py")
    return made


def overwrite(folder: Path) -> None:
    with (folder / "deep/er/b.py").open("r+b") as file:
        file.write(b"b = 2")


def replace(folder: Path) -> None:
    other = folder.parent / "other"
    other.write_text("a = 2")
    status = (folder / "a.py").stat()
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    os.replace(other, folder / "a.py")


def point_elsewhere(folder: Path) -> None:
    (folder / "link").unlink()
    (folder / "link").symlink_to("b.py")


CHANGES: dict[str, Callable[[Path], object]] = {
    "overwritten": overwrite,
    "replaced, with the same size and time": replace,
    "a mode": lambda folder: (folder / "a.py").chmod(0o755),
    "removed": lambda folder: (folder / "a.py").unlink(),
    "added": lambda folder: (folder / "deep/c.py").touch(),
    "renamed": lambda folder: (folder / "a.py").rename(folder / "c.py"),
    "moved": lambda folder: (folder / "a.py").rename(folder / "deep/a.py"),
    "a folder renamed": lambda folder: (folder / "deep/er").rename(folder / "deep/est"),
    "a link": point_elsewhere,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_every_change_is_found(
    folder: Path, tmp_path: Path, change: Callable[[Path], object]
) -> None:
    record = tmp_path / "record"
    assert not is_untouched([folder], record, tmp_path)
    remember(record, identify([folder]), tmp_path)
    assert is_untouched([folder], record, tmp_path)
    change(folder)
    assert not is_untouched([folder], record, tmp_path)


def test_another_link_to_a_file_is_no_change(folder: Path, tmp_path: Path) -> None:
    remember(tmp_path / "record", identify([folder]), tmp_path)
    os.link(folder / "a.py", tmp_path / "a.py")
    assert is_untouched([folder], tmp_path / "record", tmp_path)


def test_folders_are_told_apart(folder: Path, tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    assert identify([folder, missing]) != identify([missing, folder])
    assert identify([folder / "deep"]) != identify([folder / "deep/er"])


@pytest.mark.parametrize("text", [b"", b"0" * 64, b"\xff", b"0" * 100])
def test_a_damaged_record_is_no_proof(folder: Path, tmp_path: Path, text: bytes) -> None:
    (tmp_path / "record").write_bytes(text)
    assert not is_untouched([folder], tmp_path / "record", tmp_path)
