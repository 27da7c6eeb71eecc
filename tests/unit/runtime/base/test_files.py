"""Reading what somebody else can replace."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from django_deploykit.runtime.base.errors import DeployKitError
from django_deploykit.runtime.base.files import read_ordinary


def test_reads_an_ordinary_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("naïve", encoding="utf-8")
    assert read_ordinary(path, 6) == "naïve"


def test_an_absent_file_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_ordinary(tmp_path / "file", 10)


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
        read_ordinary(path, 10)
    assert str(path) in caught.value.message
    assert "secret" not in str(caught.value)
