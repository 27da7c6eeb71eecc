"""Reading a bundle: nothing of it is used before its digests were held against the bytes."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import struct
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO, Dict, Iterable, Iterator, List, Optional, Tuple, Union

from ..base.errors import DeployKitError
from .manifest import FileEntry, Layer, Manifest, load_list
from .seal import DamagedError, judge_seal

_SINGLES = ("__main__.py", "manifest.json", "sample.ini", "sbom.cdx.json")
_DEPTHS = {"layers": (2,), "runtime": (2, 3, 4)}  # how many parts a member's path has, by its first
_CHUNK = 1 << 20
_IN_MEMORY = 32 << 20  # bytes up to which a layer's archive is read at once
_LARGE = 8 << 20  # bytes from which on a file is handed out in pieces
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    struct.error,
)

# A file's bytes; of a large one pieces, which raise at their end if they are not what was verified.
Content = Union[bytes, Iterable[bytes]]


class Slice(io.RawIOBase):
    """A part of a file as a file of its own, for the archives inside the archive.

    It does not move the file's own position: processes that share the file share that.
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
    """A bundle opened for reading; a context manager.

    Opening judges the member names and the manifest. :meth:`entries` and :meth:`files` verify what
    they hand out, :meth:`verify` everything.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: BinaryIO = _open(path)
        try:
            self._zip = zipfile.ZipFile(self._file)
            _judge_names(path, self._zip)
            self.manifest = Manifest.loads(self.read("manifest.json").decode("utf-8"))
        except (zipfile.BadZipFile, UnicodeDecodeError, struct.error, OverflowError) as error:
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
        """Return a member's bytes; :class:`DamagedError` where it is missing or damaged."""
        try:
            return self._zip.read(name)
        except (KeyError, OSError, *_BROKEN):
            raise DamagedError(f"{self.path} is damaged: {name} cannot be read") from None

    def runtime(self) -> Dict[str, bytes]:
        """Return the runtime's files by their path below ``runtime/``."""
        names = [name for name in self._zip.namelist() if name.startswith("runtime/")]
        return {name[len("runtime/") :]: self.read(name) for name in sorted(names)}

    def layer(self, digest: str) -> Layer:
        """Return the layer of that digest."""
        return next(layer for layer in self.manifest.layers if layer.sha256 == digest)

    def entries(self, digest: str, text: str = "") -> List[FileEntry]:
        """Return a layer's verified file list, which must add up to what the manifest says of it.

        ``text`` is the list, where the caller has read it already.
        """
        entries = load_list(text or self.list_text(digest), digest)
        layer = self.layer(digest)
        if (sum(entry.size for entry in entries), len(entries)) != (layer.size, layer.files):
            raise DamagedError(
                f"{self.path}: layer {layer.name} is larger or smaller than the manifest says"
            )
        return entries

    def list_text(self, digest: str) -> str:
        """Return a layer's list as it stands in the bundle."""
        name = f"layers/{digest}.json"
        start, size = self._place(name)
        try:
            return self._part(name, start, size).decode("utf-8")
        except UnicodeDecodeError:
            raise DamagedError(f"{self.path} is damaged: the list of layer {digest[:12]}") from None

    def archive(self, digest: str, *, held: bool = False) -> BinaryIO:
        """Return a layer's archive as a file; with ``held`` one that is not large is in memory.

        That reads many small files faster. Who sends to many hosts would hold it as often.
        """
        name = f"layers/{digest}.zip"
        start, size = self._place(name)
        if held and size <= _IN_MEMORY:
            return io.BytesIO(self._part(name, start, size))
        return io.BufferedReader(Slice(self._file, start, size), 1 << 16)

    def archive_size(self, digest: str) -> int:
        """Return the bytes of a layer's archive."""
        return self._place(f"layers/{digest}.zip")[1]

    def _place(self, name: str) -> Tuple[int, int]:
        """Return where a member's bytes stand in the file, and how many they are."""
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
        # A size that the file does not have must ask for no memory.
        left = os.fstat(self._file.fileno()).st_size - start
        data = os.pread(self._file.fileno(), max(0, min(size, left)), start)
        if len(data) != size:
            raise DamagedError(f"{self.path} is damaged: {name} cannot be read")
        return data

    def files(
        self, digest: str, entries: Optional[List[FileEntry]] = None
    ) -> Iterator[Tuple[FileEntry, Content]]:
        """Yield a layer's files, each held to its digest before it is handed out.

        ``entries`` is the layer's list, where the caller has it already.
        """
        listed = self.entries(digest) if entries is None else entries
        yield from layer_files(
            self.archive(digest, held=True), listed, f"layer {self.layer(digest).name}"
        )

    def verify(self) -> None:
        """Read everything: the seal, and every file of every layer against its digest."""
        judge_seal(self.path)
        for layer in self.manifest.layers:
            for _ in self.files(layer.sha256):
                pass


def layer_files(
    archive: BinaryIO, entries: List[FileEntry], what: str
) -> Iterator[Tuple[FileEntry, Content]]:
    """Yield the verified files of a layer's archive; it must hold exactly ``entries``.

    Of files with the same content the archive may hold the first alone.
    """
    try:
        with zipfile.ZipFile(archive) as layer:
            infos = {info.filename: info for info in layer.infolist()}
            sources = _sources(entries, infos)
            if len(infos) != len(layer.infolist()) or not infos.keys() <= sources.keys():
                raise DamagedError(f"{what} does not hold the files that it lists")
            for entry in entries:
                info = infos.get(sources[entry.path])
                if info is None:
                    raise DamagedError(f"{what} does not hold the files that it lists")
                if info.file_size != entry.size:
                    raise DamagedError(f"{what}: {entry.path} has not the size that is listed")
                if entry.size < _LARGE:
                    yield entry, _small(archive, info, entry, what)
                else:
                    yield entry, _content(layer, info, entry, what)
    except _BROKEN as error:
        raise DamagedError(f"{what} cannot be read: {error}") from None


def _sources(entries: List[FileEntry], infos: Dict[str, zipfile.ZipInfo]) -> Dict[str, str]:
    """Return for each listed path the member that holds its content: itself, or the first of its equals."""
    first: Dict[str, str] = {}
    return {
        entry.path: entry.path if entry.path in infos else first.get(entry.sha256, entry.path)
        for entry in entries
        if first.setdefault(entry.sha256, entry.path)
    }


def _small(archive: BinaryIO, info: zipfile.ZipInfo, entry: FileEntry, what: str) -> bytes:
    """Return a small file's bytes, verified; zipfile takes most of its time for what is judged here."""
    archive.seek(info.header_offset)
    header = archive.read(30)
    if len(header) != 30 or header[:4] != b"PK\x03\x04":
        raise DamagedError(f"{what}: {entry.path} has no header")
    archive.seek(sum(struct.unpack("<HH", header[26:])), os.SEEK_CUR)
    # No more is read than so many bytes can be compressed to, and no more inflated than is listed.
    data = archive.read(min(info.compress_size, entry.size + (entry.size >> 8) + 64))
    if info.compress_type == zipfile.ZIP_DEFLATED:
        data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, entry.size + 1)
    elif info.compress_type != zipfile.ZIP_STORED:
        raise DamagedError(f"{what}: {entry.path} is compressed in an unknown way")
    if len(data) != entry.size or hashlib.sha256(data).hexdigest() != entry.sha256:
        raise DamagedError(f"{what}: {entry.path} does not match its digest")
    return data


def _content(layer: zipfile.ZipFile, info: zipfile.ZipInfo, entry: FileEntry, what: str) -> Content:
    """Return a large file's pieces, which are verified here and once more on the way."""
    for _ in _pieces(layer, info, entry, what):
        pass
    return _pieces(layer, info, entry, what)


def _pieces(
    layer: zipfile.ZipFile, info: zipfile.ZipInfo, entry: FileEntry, what: str
) -> Iterator[bytes]:
    """Yield a member piece by piece: what inflates to more than it declares never fills the memory."""
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
            f"{path} does not exist", "Name a bundle that `manage.py bundle` made."
        ) from None
    except OSError as error:
        raise DeployKitError(f"{path} cannot be read: {error.strerror}") from None
    return file


def _judge_names(path: Path, archive: zipfile.ZipFile) -> None:
    seen = set()
    for info in archive.infolist():
        name = info.filename
        parts = name.split("/")
        known = name in _SINGLES or len(parts) in _DEPTHS.get(parts[0], ())
        if name in seen:
            raise DamagedError(f"{path} holds {name!r} twice")
        if not known or ".." in parts or "" in parts or "\\" in name or "\0" in name:
            raise DamagedError(f"{path} holds {name!r}, which is no part of a bundle")
        if stat.S_ISLNK(info.external_attr >> 16):
            raise DamagedError(f"{path} holds {name!r} as a link")
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
            raise DamagedError(f"{path} holds {name!r} not as it is, but compressed")
        seen.add(name)
    for name in _SINGLES[:2]:
        if name not in seen:
            raise DamagedError(f"{path} is not a bundle: {name} is missing")
