"""Pointers of Git LFS."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from django_deploykit.bundle.lfs import is_pointer, replace_pointers
from django_deploykit.errors import Problems
from tests.projects import run

DATA = b"a picture"
OID = hashlib.sha256(DATA).hexdigest()
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{OID}\nsize {len(DATA)}\n"


def test_only_a_whole_pointer_is_one() -> None:
    assert is_pointer(POINTER.encode())
    assert is_pointer(POINTER.replace("oid", "ext-0-x sha256:1\noid").encode())
    for text in ("", DATA.decode(), f"{POINTER}more\n", POINTER.replace(OID, OID[1:])):
        assert not is_pointer(text.encode())


def test_a_pointer_becomes_the_file_of_the_clone_or_is_refused(tmp_path: Path) -> None:
    top, target = tmp_path / "top", tmp_path / "export"
    run("git", "init", "-q", top)
    target.mkdir()
    path = target / "logo.png"
    path.write_text(POINTER)
    path.chmod(0o755)
    with pytest.raises(Problems, match="in Git LFS") as caught:
        replace_pointers(top, [path], target)
    assert caught.value.problems == ("logo.png",)
    assert "git lfs pull" in caught.value.hint
    stored = top / ".git/lfs/objects" / OID[:2] / OID[2:4] / OID
    stored.parent.mkdir(parents=True)
    stored.write_bytes(b"damaged")
    with pytest.raises(Problems):
        replace_pointers(top, [path], target)
    stored.write_bytes(DATA)
    replace_pointers(top, [path], target)
    assert path.read_bytes() == DATA
    assert path.stat().st_mode & 0o777 == 0o755
