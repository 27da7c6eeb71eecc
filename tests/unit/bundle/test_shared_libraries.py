"""Which libraries of the system compiled files need."""

from __future__ import annotations

import hashlib
import io
import struct
from pathlib import Path

import pytest

from django_deploykit.bundle.build_cache import layer_paths
from django_deploykit.bundle.shared_libraries import (
    Elf,
    needed_by,
    needed_libraries,
    read_elf,
)
from django_deploykit.runtime.bundle.manifest import Layer, dump_list
from tests.bundles import Tree, entries_of, layer_zip, make_layer


def elf(
    names: list[str],
    *,
    wide: bool = True,
    order: str = "<",
    search: str = "",
    machine: int = 62,
    more: bytes = b"",
) -> bytes:
    """Return a library for Linux that needs other libraries, as far as a linker reads it.

    It looks for them in the folders ``search``, and has the bytes ``more`` at its end.
    """
    head, row, pair = (64, 56, "qQ") if wide else (52, 32, "iI")
    table, offsets = b"\0", []
    for name in names:
        offsets.append(len(table))
        table += name.encode() + b"\0"
    found = len(table)
    table += search.encode() + b"\0"
    base = 0x1000
    start = head + 2 * row
    entries = [(1, offset) for offset in offsets]
    entries += [(29, found)] if search else []
    dynamic = b"".join(
        struct.pack(order + pair, *one) for one in [*entries, (5, base + start), (0, 0)]
    )
    size = start + len(table) + len(dynamic)
    segments = [
        (1, 0, base, size),
        (2, start + len(table), base + start + len(table), len(dynamic)),
    ]
    data = b"\x7fELF" + bytes([2 if wide else 1, 1 if order == "<" else 2]) + bytes(10)
    if wide:
        data += struct.pack(
            order + "HHIQQQIHHHHHH", 3, machine, 1, 0, head, 0, 0, head, row, 2, 0, 0, 0
        )
        rows = [struct.pack(order + "IIQQQQQQ", k, 4, o, a, a, s, s, 8) for k, o, a, s in segments]
    else:
        data += struct.pack(order + "HHIIIIIHHHHHH", 3, 3, 1, 0, head, 0, 0, head, row, 2, 0, 0, 0)
        rows = [struct.pack(order + "IIIIIIII", k, o, a, a, s, s, 4, 8) for k, o, a, s in segments]
    return data + b"".join(rows) + table + dynamic + more


@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.parametrize("order", ["<", ">"])
def test_reads_what_a_library_needs(wide: bool, order: str) -> None:
    data = elf(["libpq.so.5", "libc.so.6"], wide=wide, order=order)
    assert needed_libraries(io.BytesIO(data)) == ["libpq.so.5", "libc.so.6"]


def test_reads_where_a_library_looks_for_others() -> None:
    found = read_elf(io.BytesIO(elf(["libz.so.1"], search="$ORIGIN/../lib:/opt", machine=183)))
    assert found == Elf(183, ["libz.so.1"], ["$ORIGIN/../lib", "/opt"])


@pytest.mark.parametrize("end", [0, 4, 20, 64, 100, 180, 230])
def test_a_file_that_is_cut_off_needs_nothing(end: int) -> None:
    assert needed_libraries(io.BytesIO(elf(["libpq.so.5"])[:end])) == []


def test_other_files_need_nothing() -> None:
    assert needed_libraries(io.BytesIO(b"#!/bin/sh\n")) == []
    assert needed_libraries(io.BytesIO(b"\x7fELF" + b"\xff" * 500)) == []


def _cached(tree: Tree, name: str) -> Layer:
    layer = make_layer("distribution", name, "1", tree)
    archive, listing, checksum = layer_paths(layer.sha256)
    archive.write_bytes(layer_zip(tree))
    listing.write_text(dump_list(entries_of(tree)))
    checksum.write_text(hashlib.sha256(archive.read_bytes()).hexdigest())
    return layer


def test_libraries_that_a_layer_has_are_not_the_systems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEPLOYKIT_BUILD_CACHE", str(tmp_path))
    driver = {"lib/python3.11/site-packages/psycopg2/_psycopg.so": elf(["libpq.so.5", "libx.so.1"])}
    program = {"bin/tool": (elf(["libxml2.so.2"]), 0o755), "bin/text": (b"#!/bin/sh\n", 0o755)}
    layers = (
        _cached(driver, "psycopg2"),
        _cached(program, "tool"),
        _cached({"lib/x.libs/libx.so.1": elf(["libc.so.6"])}, "x"),
    )
    assert needed_by(layers) == {
        "libc.so.6": "lib/x.libs/libx.so.1",
        "libpq.so.5": "lib/python3.11/site-packages/psycopg2/_psycopg.so",
        "libxml2.so.2": "bin/tool",
    }
