"""The archive of an interpreter's layer: what tar unpacks, and nothing that tar could read otherwise."""

from __future__ import annotations

import gzip
import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from django_deploykit.runtime.bundle.manifest import dump_list
from django_deploykit.runtime.bundle.reader import layer_files
from django_deploykit.runtime.bundle.seal import DamagedError
from django_deploykit.runtime.bundle.tar_stream import BLOCK, END, begin, header, padding
from tests.bundles import Tree, entries_of, layer_tar

TREE: Tree = {
    "python/bin/python3.12": (b"#!/bin/sh\n", 0o755),
    "python/lib/empty.py": b"",
    "python/lib/large.so": bytes(range(256)) * 6000,
}
ENTRIES = entries_of(TREE)


def read(data: bytes) -> dict[str, bytes]:
    return {
        entry.path: content if isinstance(content, bytes) else b"".join(content)
        for entry, content in layer_files(io.BytesIO(data), ENTRIES, "layer python")
    }


def test_reads_what_was_written() -> None:
    assert read(layer_tar(TREE)) == {
        path: value[0] if isinstance(value, tuple) else value for path, value in TREE.items()
    }


def test_tar_unpacks_it_with_its_list(tmp_path: Path) -> None:
    words = ["tar", "-xzf", "-", "-C", str(tmp_path)]
    subprocess.run(words, input=layer_tar(TREE), check=True)
    assert (tmp_path / "list.json").read_text() == dump_list(ENTRIES)
    for entry in ENTRIES:
        path = tmp_path / "tree" / entry.path
        assert path.stat().st_size == entry.size
        assert path.stat().st_mode & 0o777 == entry.mode


def test_a_header_is_that_of_tar() -> None:
    info = tarfile.TarInfo("tree/python/lib/a.py")
    info.size = 1234
    assert header(info.name, 0o644, 1234) == info.tobuf(tarfile.USTAR_FORMAT)


@pytest.mark.parametrize(("name", "size"), [("a" * 101, 1), ("a", 8 << 30)])
def test_a_header_has_room_for_names_and_sizes(name: str, size: int) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        header(name, 0o644, size)


PLAIN = gzip.decompress(layer_tar(TREE))
_LINK = tarfile.TarInfo("tree/python/lib/link")
_LINK.type, _LINK.linkname = tarfile.SYMTYPE, "/etc"
CHANGED = {
    "link": PLAIN[: -len(END)] + _LINK.tobuf(tarfile.USTAR_FORMAT) + END,
    "another list": PLAIN.replace(b"empty.py", b"other.py"),
    "another mode": PLAIN.replace(b"0000755", b"0004755"),
    "another content": PLAIN.replace(b"#!/bin/sh", b"#!/bin/ex"),
    "another large content": PLAIN.replace(b"\x01\x02\x03", b"\x01\x02\x04", 1),
    "no end": PLAIN[:-BLOCK],
    "more": PLAIN + bytes(BLOCK),
    "empty": b"",
}


@pytest.mark.parametrize("name", CHANGED)
def test_refuses_any_other_form(name: str) -> None:
    assert CHANGED[name] != PLAIN
    with pytest.raises(DamagedError, match="layer python"):
        read(gzip.compress(CHANGED[name]))


@pytest.mark.parametrize("cut", [3, 20, 200, -5])
def test_refuses_a_part(cut: int) -> None:
    with pytest.raises(DamagedError, match="layer python"):
        read(layer_tar(TREE)[:cut])


def test_refuses_what_follows_it() -> None:
    for more in (b"x", gzip.compress(b"more")):
        with pytest.raises(DamagedError, match="layer python"):
            read(layer_tar(TREE) + more)


def test_a_large_file_that_nobody_reads_is_verified() -> None:
    data = gzip.compress(CHANGED["another large content"])
    with pytest.raises(DamagedError, match=r"large\.so does not match"):
        for _ in layer_files(io.BytesIO(data), ENTRIES, "layer python"):
            pass


def test_a_file_fills_its_last_block() -> None:
    assert [len(padding(size)) for size in (0, 1, BLOCK)] == [0, BLOCK - 1, 0]
    assert len(begin(ENTRIES)) % BLOCK == 0
