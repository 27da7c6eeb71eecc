"""Reads the members of a tar from a stream. Nothing is extracted, and sizes are limited.

:mod:`tarfile` would keep all members, and read an extended header of any size into memory.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from django_deploykit.errors import BundleError

_BLOCK = tarfile.BLOCKSIZE
_LONGEST = 1 << 20  # bytes of an extended header
_PIECE = 1 << 18
_MOST = 1_000_000  # members
_LONG_NAME, _LONG_LINK = tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK
_EXTENDED, _GLOBAL = tarfile.XHDTYPE, tarfile.XGLTYPE


class Member(NamedTuple):
    """A member: its path without ``./``, its type as in tarfile, its size in bytes, its target."""

    path: str
    kind: bytes
    size: int
    target: str

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file."""
        return self.kind in tarfile.REGULAR_TYPES


class TarReader:
    """Iterates over the members of a tar. :meth:`read` returns the content of the last one."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file, self._name = file, name
        self._left = 0  # bytes of the last member, with padding
        self.position = 0

    def __iter__(self) -> Iterator[Member]:
        extended: dict[str, str] = {}
        for _ in range(_MOST):
            self._skip()
            block = self._bytes(_BLOCK)
            if block == bytes(_BLOCK) or not block:
                return
            info = self._header(block)
            size = self._size(extended.get("size", info.size))
            self._left = size + -size % _BLOCK
            if info.type in (_LONG_NAME, _LONG_LINK, _EXTENDED):
                extended.update(self._extension(info.type, size))
                continue
            if info.type == _GLOBAL:
                continue
            path = extended.get("path", info.name)
            target = extended.get("linkpath", info.linkname)
            extended = {}
            if info.type not in tarfile.REGULAR_TYPES:
                size = self._left = 0
            yield Member(path.removeprefix("./").strip("/"), info.type, size, target)
        raise self._damaged("it has too many members")

    def read(self, most: int) -> bytes:
        """Return at most this many bytes of the last member's content."""
        return self._bytes(min(most, self._left))

    def _header(self, block: bytes) -> tarfile.TarInfo:
        try:
            return tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except (tarfile.TarError, ValueError) as error:
            raise self._damaged(f"a header is not valid: {error}") from None

    def _size(self, value: str | int) -> int:
        try:
            size = int(value)
        except ValueError:
            size = -1
        if not 0 <= size < 1 << 40:
            raise self._damaged("the size of a member is not valid")
        return size

    def _extension(self, kind: bytes, size: int) -> dict[str, str]:
        """Return the values of an extended header: path, linkpath, size."""
        if size > _LONGEST:
            raise self._damaged("an extended header is too long")
        data = self._bytes(size)
        if kind != _EXTENDED:
            text = data.split(b"\0")[0].decode("utf-8", "surrogateescape")
            return {"path" if kind == _LONG_NAME else "linkpath": text}
        found = {}
        while data:
            number, _, _ = data.partition(b" ")
            length = int(number) if number.isdigit() and len(number) < 8 else 0
            key, _, value = data[len(number) + 1 : max(0, length - 1)].partition(b"=")
            if not 0 < length <= len(data):
                raise self._damaged("an extended header is not valid")
            found[key.decode("utf-8", "replace")] = value.decode("utf-8", "surrogateescape")
            data = data[length:]
        return {key: found[key] for key in ("path", "linkpath", "size") if key in found}

    def _skip(self) -> None:
        while self._left:
            self._bytes(min(self._left, _PIECE))

    def _bytes(self, size: int) -> bytes:
        data = self._file.read(size)
        while len(data) < size:
            more = self._file.read(size - len(data))
            if not more:
                break
            data += more
        if len(data) < size and (data or self._left):
            raise self._damaged("it ends too early")
        self.position += len(data)
        self._left = max(0, self._left - len(data))
        return data

    def _damaged(self, why: str) -> BundleError:
        return BundleError(f"{self._name} is damaged: {why}")
