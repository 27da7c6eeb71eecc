"""Reads a bundle; its bytes are verified against its digests before they are used."""

from __future__ import annotations

import hashlib
import io
import os
import re
import stat
import struct
import zipfile
import zlib
from pathlib import Path
from typing import (
    BinaryIO,
    Collection,
    Dict,
    Iterable,
    Iterator,
    List,
    Optional,
    Sequence,
    Tuple,
    Union,
)

from ..base.errors import DeployKitError
from ..base.files import hash_stream
from . import tar_stream
from .head import head
from .main_script import main_text, runtime_digest
from .manifest import FileEntry, Layer, Manifest, load_list
from .seal import DamagedError, validate_seal

_SINGLES = ("__main__.py", "manifest.json", "sample.ini", "sbom.cdx.json")
_DEPTHS = {"layers": (2,), "runtime": (2, 3, 4)}  # allowed number of parts of a path, by the first
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}\Z")
_CHUNK = 1 << 20
_LONGEST_END = 22 + 0xFFFF  # bytes of the last record of an archive, with a comment
_IN_MEMORY = 32 << 20  # bytes; a larger archive of a layer is not read into memory
_LARGE = 8 << 20  # bytes; a larger file is read in pieces
# What zipfile raises for archives that are damaged on purpose. UnicodeDecodeError is a ValueError,
# NotImplementedError a RuntimeError.
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    RuntimeError,
    struct.error,
    ValueError,
    OverflowError,
)

# A file's bytes, or the pieces of a large file, which are verified again while they are read.
Content = Union[bytes, Iterable[bytes]]


class Slice(io.RawIOBase):
    """A part of a file as a separate file, for the archives inside the archive.

    It does not move the file's own position, because processes share it.
    """

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        super().__init__()
        self._file, self._start, self._size, self._at = file, start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def]
        wanted = min(len(buffer), max(0, self._size - self._at))
        data = os.pread(self._file.fileno(), wanted, self._start + self._at)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


class BundleFile:
    """A bundle opened for reading; use it as a context manager.

    Opening validates the member names and the manifest. :meth:`entries` and :meth:`files` verify
    what they return, and :meth:`verify` verifies everything.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: BinaryIO = _open(path)
        try:
            self._zip = zipfile.ZipFile(self._file)
            _validate_directory(path, self._file, self._zip.start_dir)
            _validate_names(path, self._zip)
            self.manifest = Manifest.loads(self.read("manifest.json").decode("utf-8"))
        except (OSError, *_BROKEN) as error:
            self._file.close()
            raise DamagedError(f"{path} is not a bundle, or it is damaged: {error}") from None
        except DeployKitError:
            self._file.close()
            raise

    def __enter__(self) -> BundleFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()
        self._file.close()

    def read(self, name: str) -> bytes:
        """Return a member's bytes; raises :class:`DamagedError` if it is missing or damaged."""
        try:
            return self._zip.read(name)
        except (KeyError, OSError, *_BROKEN):
            raise DamagedError(f"{self.path} is damaged: {name} cannot be read") from None

    def runtime(self) -> Dict[str, bytes]:
        """Return the runtime's files by their path below ``runtime/``."""
        names = [name for name in self._zip.namelist() if name.startswith("runtime/")]
        return {name[len("runtime/") :]: self.read(name) for name in sorted(names)}

    def layer(self, digest: str) -> Layer:
        """Return the layer with this digest; raises :class:`DamagedError` if it is missing."""
        for layer in self.manifest.layers:
            if layer.sha256 == digest:
                return layer
        raise DamagedError(f"{self.path} is damaged: layer {digest[:12]} is missing")

    def entries(self, digest: str, text: str = "") -> List[FileEntry]:
        """Return a layer's verified file list, which must have the size given in the manifest.

        ``text`` is the list's JSON, if the caller has already read it.
        """
        entries = load_list(text or self.list_text(digest), digest)
        layer = self.layer(digest)
        if (sum(entry.size for entry in entries), len(entries)) != (layer.size, layer.files):
            raise DamagedError(
                f"{self.path}: layer {layer.name} does not have the size given in the manifest"
            )
        return entries

    def list_text(self, digest: str) -> str:
        """Return the JSON of a layer's list."""
        name = f"layers/{digest}.json"
        start, size = self._place(name)
        try:
            return self._part(name, start, size).decode("utf-8")
        except UnicodeDecodeError:
            raise DamagedError(f"{self.path} is damaged: the list of layer {digest[:12]}") from None

    def archive(self, digest: str, *, held: bool = False) -> BinaryIO:
        """Return a layer's archive as a file; with ``held``, one that is not large is in memory.

        Memory makes reading many small files faster, but each caller needs its own copy.
        """
        name = self.layer(digest).archive
        start, size = self._place(name)
        if held and size <= _IN_MEMORY:
            return io.BytesIO(self._part(name, start, size))
        return io.BufferedReader(Slice(self._file, start, size), 1 << 16)

    def archive_size(self, digest: str) -> int:
        """Return the size of a layer's archive in bytes."""
        return self._place(self.layer(digest).archive)[1]

    def _place(self, name: str) -> Tuple[int, int]:
        """Return the offset of a member's content in the file, and its size."""
        try:
            info = self._zip.getinfo(name)
        except KeyError:
            raise DamagedError(f"{self.path} is damaged: {name} is missing") from None
        header = os.pread(self._file.fileno(), 30, info.header_offset)
        if len(header) != 30 or header[:4] != b"PK\x03\x04":
            raise DamagedError(f"{self.path} is damaged: {name} has no header")
        name_size, extra_size = struct.unpack("<HH", header[26:30])
        return info.header_offset + 30 + name_size + extra_size, info.file_size

    def _part(self, name: str, start: int, size: int) -> bytes:
        # Do not allocate memory for a size that the file does not have.
        left = os.fstat(self._file.fileno()).st_size - start
        data = os.pread(self._file.fileno(), max(0, min(size, left)), start)
        if len(data) != size:
            raise DamagedError(f"{self.path} is damaged: {name} cannot be read")
        return data

    def files(
        self, digest: str, entries: Optional[List[FileEntry]] = None
    ) -> Iterator[Tuple[FileEntry, Content]]:
        """Yield a layer's files, each verified.

        ``entries`` is the layer's list if the caller has it already.
        """
        listed = self.entries(digest) if entries is None else entries
        yield from layer_files(
            self.archive(digest, held=True), listed, f"layer {self.layer(digest).name}"
        )

    def verify(self) -> None:
        """Read and verify the seal, the runtime, and every file of every layer.

        The runtime's sources must have the digest given in the manifest. ``__main__.py`` and the
        first bytes of the file must be identical to those that this version of the runtime writes.
        """
        validate_seal(self.path)
        self._validate_head()
        runtime = self.runtime()
        sources = {name: data for name, data in runtime.items() if name.endswith(".py")}
        if runtime_digest(sources) != self.manifest.runtime:
            raise DamagedError(f"{self.path}: runtime/ is not the runtime that the manifest names")
        if any(name.endswith(".pyc") and name[:-1] not in sources for name in runtime):
            raise DamagedError(f"{self.path}: runtime/ contains bytecode without a source")
        manifest = self.read("manifest.json").decode("utf-8")
        if self.read("__main__.py") != main_text(manifest, runtime).encode("utf-8"):
            raise DamagedError(f"{self.path}: __main__.py does not belong to this bundle")
        for layer in self.manifest.layers:
            for _ in self.files(layer.sha256):
                pass

    def _validate_head(self) -> None:
        """Raise :class:`DamagedError` unless the file starts with its own head, which runs first."""
        expected, layer = head(self.manifest), self.manifest.interpreter
        if layer is not None:
            start, size = self._place(layer.archive)
            expected = head(self.manifest, start, size, hash_stream(self.archive(layer.sha256)))
        first = min(info.header_offset for info in self._zip.infolist())
        if first != len(expected) or self._part("its start", 0, first) != expected:
            raise DamagedError(f"{self.path} does not start as a bundle of this version does")


def layer_files(
    archive: BinaryIO, entries: Sequence[FileEntry], what: str, only: Collection[str] = ()
) -> Iterator[Tuple[FileEntry, Content]]:
    """Yield the verified files of a layer's archive, which must contain exactly ``entries``.

    For files with equal content, only the first one must be in the archive. With ``only``, read
    only the files with these paths.
    """
    try:
        packed = archive.read(len(tar_stream.MAGIC))
        archive.seek(0)
        if packed == tar_stream.MAGIC:
            found = tar_stream.verified_files(archive, entries, what)
            yield from (row for row in found if not only or row[0].path in only)
            return
        with zipfile.ZipFile(archive) as layer:
            infos = {info.filename: info for info in layer.infolist()}
            sources = _sources(entries, infos)
            if len(infos) != len(layer.infolist()) or not infos.keys() <= sources.keys():
                raise DamagedError(f"{what} does not contain the files that it lists")
            for entry in entries:
                if only and entry.path not in only:
                    continue
                info = infos.get(sources[entry.path])
                if info is None:
                    raise DamagedError(f"{what} does not contain the files that it lists")
                if info.file_size != entry.size:
                    raise DamagedError(f"{what}: {entry.path} does not have its listed size")
                if info.header_offset < 0:
                    raise DamagedError(f"{what}: {entry.path} has no header")
                if entry.size < _LARGE:
                    yield entry, _small(archive, info, entry, what)
                else:
                    yield entry, _content(layer, info, entry, what)
    except _BROKEN as error:
        raise DamagedError(f"{what} cannot be read: {error}") from None


def _sources(entries: Sequence[FileEntry], infos: Dict[str, zipfile.ZipInfo]) -> Dict[str, str]:
    """Map each listed path to the member with its content: itself or the first of equal content."""
    first: Dict[str, str] = {}
    return {
        entry.path: entry.path if entry.path in infos else first.get(entry.sha256, entry.path)
        for entry in entries
        if first.setdefault(entry.sha256, entry.path)
    }


def _small(archive: BinaryIO, info: zipfile.ZipInfo, entry: FileEntry, what: str) -> bytes:
    """Return a small file's bytes, verified, without a ``ZipExtFile``, which would be slow."""
    archive.seek(info.header_offset)
    header = archive.read(30)
    if len(header) != 30 or header[:4] != b"PK\x03\x04":
        raise DamagedError(f"{what}: {entry.path} has no header")
    archive.seek(sum(struct.unpack("<HH", header[26:])), os.SEEK_CUR)
    # Read no more than the listed size can compress to, and inflate no more than the listed size.
    data = archive.read(min(info.compress_size, entry.size + (entry.size >> 8) + 64))
    if info.compress_type == zipfile.ZIP_DEFLATED:
        data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, entry.size + 1)
    elif info.compress_type != zipfile.ZIP_STORED:
        raise DamagedError(f"{what}: {entry.path} has an unknown compression")
    if len(data) != entry.size or hashlib.sha256(data).hexdigest() != entry.sha256:
        raise DamagedError(f"{what}: {entry.path} does not match its digest")
    return data


def _content(layer: zipfile.ZipFile, info: zipfile.ZipInfo, entry: FileEntry, what: str) -> Content:
    """Return a large file's pieces, which are verified now and again while they are read."""
    for _ in _pieces(layer, info, entry, what):
        pass
    return _pieces(layer, info, entry, what)


def _pieces(
    layer: zipfile.ZipFile, info: zipfile.ZipInfo, entry: FileEntry, what: str
) -> Iterator[bytes]:
    """Yield a member in pieces, and at most its listed size."""
    digest, left = hashlib.sha256(), entry.size
    with layer.open(info) as member:
        while left > 0:
            data = member.read(min(_CHUNK, left))
            if not data:
                break
            left -= len(data)
            digest.update(data)
            yield data
        if left or member.read(1) or digest.hexdigest() != entry.sha256:
            raise DamagedError(f"{what}: {entry.path} does not match its digest")


def _open(path: Path) -> BinaryIO:
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise DeployKitError(
            f"{path} does not exist", "Name a bundle that `manage.py bundle` built."
        ) from None
    except OSError as error:
        raise DeployKitError(f"{path} cannot be read: {error.strerror}") from None
    return file


def _validate_directory(path: Path, file: BinaryIO, start: int) -> None:
    """Raise :class:`DamagedError` if Python would run another file than :mod:`zipfile` reads.

    Python finds the archive's directory before the last record, zipfile also through a record of
    ZIP64. So the directory, which begins at ``start``, must be the one that the last record names.
    """
    size = os.fstat(file.fileno()).st_size
    end = os.pread(file.fileno(), _LONGEST_END, max(0, size - _LONGEST_END))
    at = end.rfind(b"PK\5\6")
    named = struct.unpack("<2L", end[at + 12 : at + 20])
    if named != (max(0, size - _LONGEST_END) + at - start, start):
        raise DamagedError(f"{path} has another directory than the one at its end")


def _validate_names(path: Path, archive: zipfile.ZipFile) -> None:
    seen = set()
    for info in archive.infolist():
        name = info.filename
        parts = name.split("/")
        known = name in _SINGLES or len(parts) in _DEPTHS.get(parts[0], ())
        plain = all(map(_PART.match, parts))
        if name in seen:
            raise DamagedError(f"{path} contains {name!r} twice")
        if not (known and plain):
            raise DamagedError(f"{path} contains {name!r}, which is not part of a bundle")
        if info.header_offset < 0:  # zipfile accepts it
            raise DamagedError(f"{path} is damaged: {name} has no header")
        if stat.S_ISLNK(info.external_attr >> 16):
            raise DamagedError(f"{path} contains {name!r} as a link")
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
            raise DamagedError(f"{path} contains {name!r} compressed; it must be stored")
        seen.add(name)
    for name in _SINGLES[:2]:
        if name not in seen:
            raise DamagedError(f"{path} is not a bundle: {name} is missing")
