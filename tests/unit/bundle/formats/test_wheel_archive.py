"""Archives of wheels: modes, digests of RECORD, and the same bytes each time."""

from __future__ import annotations

import base64
import csv
import hashlib
import zipfile
from pathlib import Path

import pytest

from django_deploykit.bundle.formats.wheel_archive import (
    Part,
    iter_sources,
    text_member,
    write_wheel,
)
from django_deploykit.bundle.formats.wheel_files import member_of
from tests.bundles import Tree
from tests.unit.bundle.formats.layers import cache_layer

TREE: Tree = {
    "app/a.py": b"A = 1\n",
    "app/__pycache__/a.cpython-311.pyc": b"code",
    "app/run": (b"#!/bin/sh\n", 0o755),
    "app/same.txt": b"A = 1\n",
    "app/é.txt": b"",
    "app/old.pyc": b"no source",
}
INFO = "shop-1.dist-info"


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLOYKIT_BUILD_CACHE", str(tmp_path / "cache"))


def written(path: Path) -> Path:
    digest = cache_layer("app", "app", "", TREE).sha256
    members = [member_of(one, f"shop/{one.path}") for one in iter_sources(digest)]
    texts = [text_member(f"{INFO}/WHEEL", "Wheel-Version: 1.0\n")]
    write_wheel(path, 1795407300, INFO, [Part(digest, members)], texts)
    return path


def test_has_the_files_of_the_layer_without_bytecode_of_sources(tmp_path: Path) -> None:
    with zipfile.ZipFile(written(tmp_path / "w.whl")) as archive:
        assert archive.testzip() is None
        found = {one.filename: one.external_attr >> 16 & 0o777 for one in archive.infolist()}
        assert archive.read("shop/app/same.txt") == archive.read("shop/app/a.py") == b"A = 1\n"
    own = {f"shop/{path}" for path in TREE if "__pycache__" not in path}
    assert found.keys() == own | {f"{INFO}/WHEEL", f"{INFO}/RECORD"}
    assert {path for path, mode in found.items() if mode == 0o755} == {"shop/app/run"}
    assert set(found.values()) == {0o644, 0o755}


def test_record_lists_every_file_with_its_digest_and_size(tmp_path: Path) -> None:
    with zipfile.ZipFile(written(tmp_path / "w.whl")) as archive:
        rows = list(csv.reader(archive.read(f"{INFO}/RECORD").decode().splitlines()))
        assert [row[0] for row in rows] == archive.namelist()
        for path, digest, size in rows[:-1]:
            data = archive.read(path)
            raw = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=")
            assert (digest, int(size)) == (f"sha256={raw.decode()}", len(data))
    assert rows[-1] == [f"{INFO}/RECORD", "", ""]


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    one, two = written(tmp_path / "one.whl"), written(tmp_path / "two.whl")
    assert one.read_bytes() == two.read_bytes()
