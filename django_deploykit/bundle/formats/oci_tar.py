"""Writes a layer of an image: a compressed tar whose bytes only depend on its files."""

from __future__ import annotations

import hashlib
import tarfile
import zlib
from collections.abc import Iterable
from typing import BinaryIO, NamedTuple

_TIME = 315532800  # the start of 1980
_RANGE = 20 * 365 * 24 * 3600  # seconds of times that depend on the content
_LEVEL = 6
_GZIP = 31  # zlib's largest window, and gzip's header without a time


class Blob(NamedTuple):
    """A layer of an image: the SHA-256 of its file and of the tar in it, and its size in bytes."""

    digest: str
    diff_id: str
    size: int


class LayerWriter:
    """Writes files, folders and links, whose paths are relative to the root of the image."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
        self._digest, self._diff_id = hashlib.sha256(), hashlib.sha256()
        self._size = 0
        self._folders = {""}
        self._files: dict[tuple[str, int], str] = {}  # paths by SHA-256 and mode

    def folder(self, path: str, owner: int = 0) -> None:
        """Write a folder and its parents, unless they are in this layer.

        Each layer has all its folders: an engine that creates a missing one may not let others in.
        """
        if path in self._folders:
            return
        self.folder(path.rpartition("/")[0])
        self._folders.add(path)
        info = _info(f"{path}/", 0o755, tarfile.DIRTYPE)
        info.uid = info.gid = owner
        self._header(info)

    def link(self, path: str, target: str) -> None:
        """Write a symbolic link."""
        self.folder(path.rpartition("/")[0])
        info = _info(path, 0o777, tarfile.SYMTYPE)
        info.linkname = target
        self._header(info)

    def file(
        self,
        path: str,
        content: bytes | Iterable[bytes],
        *,
        size: int,
        sha256: str,
        mode: int = 0o644,
        time: int = _TIME,
    ) -> None:
        """Write a file; if this layer has the same one already, as a hard link to it."""
        self.folder(path.rpartition("/")[0])
        first = self._files.setdefault((sha256, mode), path)
        info = _info(path, mode, tarfile.REGTYPE if first == path else tarfile.LNKTYPE)
        info.mtime = time
        if first != path:
            info.linkname = first
            self._header(info)
            return
        info.size = size
        self._header(info)
        for piece in (content,) if isinstance(content, bytes) else content:
            self._write(piece)
        self._write(bytes(-size % tarfile.BLOCKSIZE))

    def close(self) -> Blob:
        """Write the end, and return what was written."""
        self._write(bytes(2 * tarfile.BLOCKSIZE))
        self._put(self._compressor.flush())
        return Blob(self._digest.hexdigest(), self._diff_id.hexdigest(), self._size)

    def _header(self, info: tarfile.TarInfo) -> None:
        self._write(info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape"))

    def _write(self, data: bytes) -> None:
        self._diff_id.update(data)
        self._put(self._compressor.compress(data))

    def _put(self, data: bytes) -> None:
        self._digest.update(data)
        self._size += len(data)
        self._file.write(data)


def content_time(sha256: str) -> int:
    """Return a modification time between 1980 and 2000 that changes with a file's content.

    Web servers derive ETags from a file's time and size. With one time for all files, browsers
    would keep an old file after it was replaced by another of the same size.
    """
    return _TIME + int(sha256[:12], 16) % _RANGE


def _info(path: str, mode: int, kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo(path)
    info.mode, info.type, info.mtime = mode, kind, _TIME
    return info
