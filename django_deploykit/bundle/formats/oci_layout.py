"""Reads an OCI image layout: a folder, or an archive of one. Every blob is verified."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import stat
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from django_deploykit.bundle.formats.oci_read_tar import TarReader
from django_deploykit.errors import BundleError
from django_deploykit.runtime.base.documents import Document
from django_deploykit.runtime.bundle.reader import Slice

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
TAR = "application/vnd.oci.image.layer.v1.tar"
_DOCKER = "application/vnd.docker."
# Docker's own types of the same files.
SAME = {
    f"{_DOCKER}distribution.manifest.list.v2+json": INDEX,
    f"{_DOCKER}distribution.manifest.v2+json": MANIFEST,
    f"{_DOCKER}container.image.v1+json": CONFIG,
    f"{_DOCKER}image.rootfs.diff.tar.gzip": GZIP,
    f"{_DOCKER}image.rootfs.diff.tar": TAR,
}
_BLOB = re.compile(r"blobs/sha256/([0-9a-f]{64})\Z")
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})\Z")
_LONGEST = 4 << 20  # bytes of a JSON document
_PIECE = 1 << 18
_MOST = 10_000  # blobs


@dataclass(frozen=True)
class Descriptor:
    """A blob as documents name it: its type, its SHA-256 in hex, and its size in bytes."""

    media_type: str
    digest: str
    size: int


class Layout:
    """The blobs of a layout. ``places`` has their file, offset and size by SHA-256."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.index = (path, 0, 0)
        self.places: dict[str, tuple[Path, int, int]] = {}
        try:
            if path.is_dir():
                self._list_folder()
            else:
                self._list_archive()
        except OSError as error:
            raise BundleError(f"{path} cannot be read: {error.strerror}") from None
        if not self.index[2]:
            raise BundleError(
                f"{path} is not an OCI image layout: it has no index.json",
                "skopeo copy docker://IMAGE oci-archive:FILE writes one.",
            )

    def _list_folder(self) -> None:
        for folder, pattern in (("", "index.json"), ("blobs/sha256", "*")):
            for one in sorted((self.path / folder).glob(pattern)):
                status = os.lstat(one)
                name = f"{folder}/{one.name}".lstrip("/")
                if not stat.S_ISREG(status.st_mode):
                    raise self.damaged(f"{name!r} is not a regular file")
                self._add(name, (one, 0, status.st_size))

    def _list_archive(self) -> None:
        with self.path.open("rb") as file:
            reader = TarReader(file, str(self.path))
            for member in reader:
                name = member.path
                if member.kind == b"5" and not {".."} & set(name.split("/")):
                    continue
                if not member.is_file:
                    raise self.damaged(f"{name!r} is a link or a device")
                if reader.position + member.size > os.fstat(file.fileno()).st_size:
                    raise self.damaged(f"{name!r} is larger than the archive")
                self._add(name, (self.path, reader.position, member.size))

    def _add(self, name: str, place: tuple[Path, int, int]) -> None:
        blob = _BLOB.match(name)
        if name == "index.json":
            if self.index[2]:
                raise self.damaged("index.json is in it twice")
            self.index = place
        elif blob:
            if blob[1] in self.places or len(self.places) >= _MOST:
                raise self.damaged(f"{name} is in it twice, or it has too many blobs")
            self.places[blob[1]] = place
        elif name not in ("oci-layout", "manifest.json", "repositories", "blobs", "blobs/sha256"):
            raise self.damaged(f"{name!r} is not part of a layout")

    def damaged(self, why: str) -> BundleError:
        """Return an error about this layout."""
        return BundleError(f"{self.path} is damaged: {why}")

    def names(self) -> list[str]:
        """Return the digests that index.json lists, as ``sha256:…``."""
        with _opened(self.index) as file:
            rows = as_list(as_object(file.read(_LONGEST), self.damaged).get("manifests"))
        found = [row.get("digest") for row in rows if isinstance(row, dict)]
        return [one for one in found if isinstance(one, str) and _DIGEST.match(one)]

    @contextmanager
    def opened(self, digest: str) -> Iterator[BinaryIO]:
        """Open a blob. It is verified when it is read to its end."""
        if digest not in self.places:
            raise self.damaged(f"the blob sha256:{digest[:12]}… is missing")
        with _opened(self.places[digest]) as file:
            error = self.damaged(f"the blob sha256:{digest[:12]}… has other content")
            yield io.BufferedReader(Hashed(file, digest, error), _PIECE)

    @contextmanager
    def opened_tar(self, layer: Descriptor, diff_id: str) -> Iterator[BinaryIO]:
        """Open the tar of a layer. Both are verified when it is read to its end."""
        error = self.damaged("a layer is not the one in its configuration")
        with self.opened(layer.digest) as file:
            tar = Unpacked(file, self.damaged) if layer.media_type == GZIP else file
            whole = Hashed(cast(BinaryIO, tar), diff_id.removeprefix("sha256:"), error)
            yield io.BufferedReader(whole, _PIECE)

    def document(self, digest: str) -> Document:
        """Return a verified JSON document."""
        with self.opened(digest) as file:
            data = file.read(_LONGEST + 1)
        if len(data) > _LONGEST:
            raise self.damaged(f"the document sha256:{digest[:12]}… is too long")
        return as_object(data, self.damaged)

    def descriptor(self, row: object) -> Descriptor:
        """Return a valid descriptor of a document."""
        values: Document = row if isinstance(row, dict) else {}
        media_type, size = values.get("mediaType", ""), values.get("size")
        digest = _DIGEST.match(str(values.get("digest", "")))
        if not digest or not isinstance(size, int) or not isinstance(media_type, str):
            raise self.damaged("a descriptor is not valid")
        if self.places.get(digest[1], (self.path, 0, -1))[2] != size:
            raise self.damaged(f"the blob sha256:{digest[1][:12]}… is missing or has another size")
        return Descriptor(SAME.get(media_type, media_type), digest[1], size)


class Hashed(io.RawIOBase):
    """A file that is hashed while it is read; at its end ``error`` is raised for another content."""

    def __init__(self, file: BinaryIO, digest: str, error: BundleError) -> None:
        super().__init__()
        self._file, self._digest, self._error = file, digest, error
        self._hash = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def]
        data = self._file.read(len(buffer))
        self._hash.update(data)
        if not data and self._hash.hexdigest() != self._digest:
            raise self._error
        buffer[: len(data)] = data
        return len(data)


@contextmanager
def _opened(place: tuple[Path, int, int]) -> Iterator[BinaryIO]:
    path, start, size = place
    with path.open("rb") as file:
        yield io.BufferedReader(Slice(file, start, size), _PIECE)


def as_object(data: bytes, damaged: Callable[[str], BundleError]) -> Document:
    """Return the object of a JSON document."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise damaged("a document is not JSON") from None
    if not isinstance(value, dict):
        raise damaged("a document is not a JSON object")
    return value


def as_list(value: object) -> list[object]:
    """Return a list of a document, which is empty if the value is no list."""
    return value if isinstance(value, list) else []


class Unpacked(io.RawIOBase):
    """The content of a file compressed by gzip, which may have several members, in pieces."""

    def __init__(self, file: BinaryIO, damaged: Callable[[str], BundleError]) -> None:
        super().__init__()
        self._file, self._damaged = file, damaged
        self._decompressor = zlib.decompressobj(31)
        self._pending = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def]
        data = b""
        while not data:
            if self._decompressor.eof and (self._pending or self._file.peek(1)):  # type: ignore[attr-defined]
                self._pending = self._decompressor.unused_data or self._pending
                self._decompressor = zlib.decompressobj(31)
            self._pending = self._pending or self._file.read(_PIECE)
            if not self._pending:
                if not self._decompressor.eof:
                    raise self._damaged("a layer ends too early")
                return 0
            try:
                data = self._decompressor.decompress(self._pending, len(buffer))
            except zlib.error:
                raise self._damaged("a layer is not compressed by gzip") from None
            self._pending = self._decompressor.unconsumed_tail or self._decompressor.unused_data
        buffer[: len(data)] = data
        return len(data)
