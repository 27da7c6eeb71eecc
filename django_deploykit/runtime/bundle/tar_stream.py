"""The archive of an interpreter's layer: a tar file that gzip compressed.

A host without Python unpacks it with its shell, so it is not a zip like other layers' archives. It
has one form only: the layer's file list first, then its files in the list's order, with the headers
that :func:`header` returns. So whatever tar would read in another way is refused.
"""

from __future__ import annotations

import hashlib
import zlib
from typing import BinaryIO, Iterable, Iterator, Sequence, Tuple, Union

from .manifest import FileEntry, dump_list
from .seal import DamagedError

LIST = "list.json"
TREE = "tree/"
MAGIC = b"\x1f\x8b"
BLOCK = 512
_LONGEST_NAME = 100  # bytes, in the old form of headers, which every tar reads
_CHUNK = 1 << 20
_LARGEST = 8 << 30  # bytes of a file, which the octal digits can say


def header(name: str, mode: int, size: int) -> bytes:
    """Return the header of a file; raises :class:`ValueError` if it has no room for the name."""
    raw = name.encode("utf-8")
    if len(raw) > _LONGEST_NAME or not 0 <= size < _LARGEST:
        raise ValueError(f"{name} does not fit into the header of an archive")
    fields = b"%07o\0%07o\0%07o\0%011o\0%011o\0" % (mode, 0, 0, size, 0)
    start = raw.ljust(_LONGEST_NAME, b"\0") + fields
    rest = (b"0".ljust(101, b"\0") + b"ustar\x0000").ljust(BLOCK - len(start) - 8, b"\0")
    checksum = sum(start) + sum(rest) + 8 * ord(" ")
    return start + b"%06o\0 " % checksum + rest


def padding(size: int) -> bytes:
    """Return the bytes that fill the last block of a file."""
    return bytes(-size % BLOCK)


def begin(entries: Iterable[FileEntry]) -> bytes:
    """Return the start of the archive of a layer with this file list."""
    data = dump_list(entries).encode("utf-8")
    return header(LIST, 0o644, len(data)) + data + padding(len(data))


END = bytes(2 * BLOCK)


class _Inflated:
    """The decompressed bytes of a gzip stream; never more than asked for is in memory."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._inflater = zlib.decompressobj(16 + zlib.MAX_WBITS)
        self._rest = b""

    def read(self, size: int) -> bytes:
        """Return ``size`` bytes; raises :class:`EOFError` if there are fewer."""
        found = bytearray()
        while len(found) < size:
            self._rest = self._rest or self._file.read(_CHUNK)
            if not self._rest:
                raise EOFError("its end is missing")
            found += self._inflater.decompress(self._rest, size - len(found))
            self._rest = self._inflater.unconsumed_tail or self._inflater.unused_data
            if self._inflater.eof and len(found) < size:
                raise EOFError("its end is missing")
        return bytes(found)

    def is_at_end(self) -> bool:
        """Whether nothing follows, in the stream or after it."""
        while not self._inflater.eof:
            self._rest = self._rest or self._file.read(_CHUNK)
            if not self._rest or self._inflater.decompress(self._rest, 1):
                return False
            self._rest = self._inflater.unconsumed_tail
        return not self._inflater.unused_data and not self._file.read(1)


def iter_files(
    archive: BinaryIO, entries: Sequence[FileEntry]
) -> Iterator[Tuple[FileEntry, Union[bytes, Iterator[bytes]]]]:
    """Yield the files of an archive, which must be exactly that of ``entries``.

    Large files are yielded in pieces. The caller compares the files with their digests, and must
    read each to its end. Raises :class:`ValueError`, :class:`EOFError` or :class:`zlib.error`.
    """
    stream = _Inflated(archive)
    _expect(stream, begin(entries))
    for entry in sorted(entries):
        _expect(stream, header(TREE + entry.path, entry.mode, entry.size))
        if entry.size <= _CHUNK:
            yield entry, stream.read(entry.size)
        else:
            yield entry, _pieces(stream, entry.size)
        _expect(stream, padding(entry.size))
    _expect(stream, END)
    if not stream.is_at_end():
        raise ValueError("something follows its end")


def _pieces(stream: _Inflated, size: int) -> Iterator[bytes]:
    while size > 0:
        data = stream.read(min(_CHUNK, size))
        size -= len(data)
        yield data


def _expect(stream: _Inflated, data: bytes) -> None:
    if stream.read(len(data)) != data:
        raise ValueError("it is not the archive of its file list")


def verified_files(
    archive: BinaryIO, entries: Sequence[FileEntry], what: str
) -> Iterator[Tuple[FileEntry, Union[bytes, Iterator[bytes]]]]:
    """Yield the files of an interpreter's archive. A large one is verified while it is read."""
    for entry, data in iter_files(archive, entries):
        if isinstance(data, bytes):
            if hashlib.sha256(data).hexdigest() != entry.sha256:
                raise DamagedError(f"{what}: {entry.path} does not match its digest")
            yield entry, data
            continue
        pieces = _verified(data, entry, what)
        yield entry, pieces
        for _ in pieces:  # the caller may not have read them
            pass


def _verified(pieces: Iterable[bytes], entry: FileEntry, what: str) -> Iterator[bytes]:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
        yield piece
    if digest.hexdigest() != entry.sha256:
        raise DamagedError(f"{what}: {entry.path} does not match its digest")
