"""The shared libraries of the system that a bundle's compiled files need."""

from __future__ import annotations

import shutil
import struct
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple

from django_deploykit.bundle.build_cache import layer_paths
from django_deploykit.runtime.bundle.manifest import INTERPRETER, Layer, load_list

_ELF = b"\x7fELF"
_LOAD, _DYNAMIC = 1, 2  # types of segments
_NEEDED, _STRTAB = 1, 5  # tags of the dynamic segment
_SEARCH = (15, 29)  # RPATH and RUNPATH
_LONGEST = 4096  # bytes of a name, or of a list of folders
_MOST = 4096  # entries of a table


class _Segment(NamedTuple):
    kind: int
    offset: int
    address: int
    size: int


def needed_by(layers: tuple[Layer, ...]) -> dict[str, str]:
    """Return the libraries that are in no layer, such as ``libpq.so.5``, each with a file that needs it."""
    needed: dict[str, str] = {}
    there: set[str] = set()
    for layer in (one for one in layers if one.kind != INTERPRETER):
        archive, listing, _ = layer_paths(layer.sha256)
        compiled = []
        for entry in load_list(listing.read_text(encoding="utf-8"), layer.sha256):
            name = PurePosixPath(entry.path).name
            there.add(name)
            if ".so" in name or entry.mode == 0o755:
                compiled.append(entry.path)
        for path, library in _in_archive(archive, compiled):
            needed.setdefault(library, path)
    return {name: path for name, path in sorted(needed.items()) if name not in there}


def _in_archive(archive: Path, paths: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the path of a file in a layer's archive and a library that it needs."""
    with zipfile.ZipFile(archive) as layer:
        for path in paths:
            with layer.open(path) as source:
                start = source.read(4)
                if start != _ELF:
                    continue
                with tempfile.TemporaryFile() as file:  # of any size
                    file.write(start)
                    shutil.copyfileobj(source, file, 1 << 20)
                    yield from ((path, library) for library in needed_libraries(file))


class Elf(NamedTuple):
    """What an ELF file says of itself: the number of its machine, libraries, and where to look for them."""

    machine: int
    needed: list[str]
    search: list[str]  # the folders of its RPATH and RUNPATH


def needed_libraries(file: BinaryIO) -> list[str]:
    """Return the libraries that an ELF file names; none if it is not a valid one."""
    found = read_elf(file)
    return found.needed if found else []


def read_elf(file: BinaryIO) -> Elf | None:
    """Return what an ELF file says, or None if it is not a valid one."""
    try:
        return _elf(file)
    except (struct.error, ValueError, OverflowError, OSError):
        return None


def _elf(file: BinaryIO) -> Elf | None:
    header = _read(file, 0, 64)
    if header[:4] != _ELF or len(header) < 52:
        return None
    wide = header[4] == 2
    order = "<" if header[5] == 1 else ">"
    segments = list(_segments(file, header, wide, order))
    rows = [
        row
        for segment in segments
        if segment.kind == _DYNAMIC
        for row in _texts(file, segment, segments, wide, order)
    ]
    return Elf(
        struct.unpack_from(order + "H", header, 18)[0],
        [text for tag, text in rows if tag == _NEEDED],
        [folder for tag, text in rows if tag != _NEEDED for folder in text.split(":") if folder],
    )


def _segments(file: BinaryIO, header: bytes, wide: bool, order: str) -> Iterator[_Segment]:
    offset = struct.unpack_from(order + ("Q" if wide else "I"), header, 32 if wide else 28)[0]
    size, count = struct.unpack_from(order + "HH", header, 54 if wide else 42)
    for number in range(min(count, _MOST)):
        row = _read(file, offset + number * size, size)
        if wide:
            kind, _, start, address, _, length = struct.unpack_from(order + "IIQQQQ", row)
        else:
            kind, start, address, _, length = struct.unpack_from(order + "IIIII", row)
        yield _Segment(kind, start, address, length)


def _texts(
    file: BinaryIO, dynamic: _Segment, segments: list[_Segment], wide: bool, order: str
) -> Iterator[tuple[int, str]]:
    pair = struct.Struct(order + ("qQ" if wide else "iI"))
    size = min(dynamic.size, _MOST * pair.size) // pair.size * pair.size
    entries = list(pair.iter_unpack(_read(file, dynamic.offset, size)))
    table = next((value for tag, value in entries if tag == _STRTAB), None)
    if table is None:
        return
    for tag, value in entries:
        if tag in (_NEEDED, *_SEARCH):
            name, end, _ = _read(file, _place(table, segments) + value, _LONGEST).partition(b"\0")
            if end:
                yield tag, name.decode("ascii")


def _place(address: int, segments: list[_Segment]) -> int:
    """Return the place in the file of an address in memory."""
    for one in segments:
        if one.kind == _LOAD and one.address <= address < one.address + one.size:
            return address - one.address + one.offset
    raise ValueError(f"no segment has the address {address}")


def _read(file: BinaryIO, offset: int, size: int) -> bytes:
    file.seek(offset)
    return file.read(size)
