"""The archive of the runtime: its name, and when it is packed."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from django_deploykit.release.runtime_archive import RuntimeArchive, runtime_archive


def test_its_name_says_what_it_is_made_of() -> None:
    one = RuntimeArchive({"a.py": b"x = 1", "b.py": b""})
    assert one.digest == RuntimeArchive({"b.py": b"", "a.py": b"x = 1"}).digest
    others = [{"a.py": b"x = 2", "b.py": b""}, {"a.py": b"x = 1"}, {"a.py": b"", "b.py": b"x = 1"}]
    assert one.digest not in [RuntimeArchive(members).digest for members in others]


def test_the_same_members_are_the_same_bytes() -> None:
    members = {"b.py": b"y = 2", "__main__.py": b"print(1)"}
    one, other = RuntimeArchive(members), RuntimeArchive(dict(reversed(members.items())))
    assert one.data == other.data
    assert one.sha256 == other.sha256


def test_it_is_packed_only_where_it_is_lacking(tmp_path: Path) -> None:
    broken = RuntimeArchive({"__main__.py": b"def"})
    (tmp_path / f"{broken.digest}.pyz").touch()
    assert broken.write(tmp_path).read_bytes() == b""
    with pytest.raises(SyntaxError):
        broken.write(tmp_path / "elsewhere")


def test_it_is_used_on_a_disk_that_is_read_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = RuntimeArchive({"__main__.py": b""})
    written = archive.write(tmp_path)

    def fail(path: Path) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    monkeypatch.setattr(os, "utime", fail)
    assert archive.write(tmp_path) == written
    with pytest.raises(OSError, match="Read-only"):
        archive.write(tmp_path / "elsewhere")


def test_it_runs_verbs(tmp_path: Path) -> None:
    path = runtime_archive().write(tmp_path)
    done = subprocess.run([sys.executable, "-IS", path, "--help"], capture_output=True, text=True)
    assert "stage" in done.stdout + done.stderr
