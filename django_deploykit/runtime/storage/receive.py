"""Receives missing layers as a stream of frames on standard input.

A frame is a line of JSON followed by ``size`` bytes:

- ``{"kind": "manifest", "size": N}``: the manifest, compressed with zlib;
- ``{"kind": "signature", "release": R, "size": N}``: the bundle's signature (``signature.py``);
- ``{"kind": "layer", "digest": D, "list": M, "offset": O, "size": N, "sha256": A}``: the layer's
  list (M bytes, zlib), then its archive from offset O on (together N bytes). The offset resumes an
  interrupted transfer. A is the SHA-256 of the whole archive, verified as it is received;
- ``{"kind": "delta", "digest": D, "base": B, "size": N}``: a layer as the difference to a stored
  layer: zlib over a line of JSON ``{"gone": [path …], "rows": [[path, mode, size, sha256] …]}`` and
  the contents of the new files that the base does not contain, in the order of the rows;
- ``{"kind": "end"}``.

The event ``arrived`` follows the last frame. Archives are unpacked, and each file verified, while
other frames are received and after that. Only then is a layer in the store.

The stream is not trusted: sizes have limits, and nothing grows beyond its declared size.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Dict, Iterator, List

from ..base.errors import DeployKitError
from ..base.files import open_file, read_bytes, write_and_replace
from ..base.names import valid_digest, valid_release_id
from ..base.workers import Pool
from ..bundle import signature
from ..bundle.manifest import LONGEST, FileEntry, Manifest, load_list, tree_digest
from ..bundle.reader import layer_files
from ..bundle.seal import DamagedError
from ..wire.events import Arriving, Emit
from ..wire.releasing import Arrived
from . import layers as store
from .virtualenv import link_layer

_CHUNK = 1 << 18
_LARGE = 1 << 18  # bytes; a larger layer is unpacked in a child process
_UNPACKED_LATER = 64 << 20  # bytes of archives that may wait for unpacking
_LONGEST_LINE = 1 << 16
_LONGEST_LIST = 1 << 28  # bytes of a layer's list; a million files need a tenth of it
_LONGEST_CHANGE = 1 << 28  # bytes of a delta's contents; a controller sends at most a quarter
_LARGEST = 1 << 40  # bytes of any frame
# The kinds of frames, with each one's required numbers.
_FRAMES = {
    "manifest": ("size",),
    "signature": ("size",),
    "layer": ("size", "list", "offset"),
    "delta": ("size",),
    "end": (),
}


class CutError(DeployKitError):
    """The stream ended before its last frame."""


@dataclass
class Received:
    """The bytes received, the complete layers, and the layers that must be sent again in full."""

    bytes: int = 0
    layers: List[str] = field(default_factory=list)
    again: List[str] = field(default_factory=list)


def receive(folder: Path, inbox: Path, stream: BinaryIO, emit: Emit) -> Received:
    """Read frames into the store ``folder``; put the manifest and signature into ``inbox``."""
    result = Received()
    pool = Pool(_UNPACKED_LATER)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        try:
            while (frame := _header(stream)).get("kind") != "end":
                result.bytes += frame["size"]
                _take(frame, folder, inbox, stream, result, pool)
                emit(Arriving(result.bytes, str(frame.get("digest", ""))[:12]))
            emit(Arrived(tuple(result.again)))
        finally:
            pool.finish()
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise DeployKitError(
            f"{folder} cannot receive files: {error.strerror}", "Free some space there."
        ) from None
    return result


def _take(
    frame: Dict[str, Any],
    folder: Path,
    inbox: Path,
    stream: BinaryIO,
    result: Received,
    pool: Pool,
) -> None:
    if frame["kind"] == "manifest":
        _manifest(_exactly(stream, _bounded(frame, "size", LONGEST)), inbox)
        return
    if frame["kind"] == "signature":
        _signature(frame, _exactly(stream, _bounded(frame, "size", signature.LONGEST)), inbox)
        return
    digest = frame.get("digest")
    if not isinstance(digest, str) or not valid_digest(digest):
        raise DamagedError(
            f"the stream of files names {str(digest)[:80]!r}, which is not a layer's digest", ""
        )
    try:
        if frame["kind"] == "layer":
            _layer(frame, digest, folder, stream, result, pool)
        else:
            _delta(frame, digest, folder, stream)
            result.layers.append(digest)
    except DamagedError:
        result.again.append(digest)


def _header(stream: BinaryIO) -> Dict[str, Any]:
    line = stream.readline(_LONGEST_LINE)
    if not line.endswith(b"\n"):
        raise CutError(
            "the connection ended during the transfer",
            "Run the same command again: the transfer resumes.",
        )
    try:
        frame = json.loads(line)
    except (ValueError, RecursionError):
        frame = None
    if not isinstance(frame, dict) or str(frame.get("kind")) not in _FRAMES:
        raise DamagedError("the stream of files is damaged", "Run the same command again.")
    for name in _FRAMES[frame["kind"]]:
        _bounded(frame, name, _LARGEST)
    return frame


def _bounded(frame: Dict[str, Any], name: str, limit: int) -> int:
    """Return a number from a frame, which must be from 0 to ``limit``."""
    value = frame.get(name)
    if type(value) is not int or not 0 <= value <= limit:
        raise DamagedError(
            f"the stream of files is damaged: its {frame['kind']} has a {name} of {str(value)[:40]}",
            "Run the same command again.",
        )
    return value


def _pieces(stream: BinaryIO, size: int) -> Iterator[bytes]:
    while size > 0:
        piece = stream.read(min(_CHUNK, size))
        if not piece:
            raise CutError(
                "the connection ended during the transfer",
                "Run the same command again: the transfer resumes.",
            )
        size -= len(piece)
        yield piece


def _exactly(stream: BinaryIO, size: int) -> bytes:
    return b"".join(_pieces(stream, size))


def _inflate(data: bytes, what: str, limit: int) -> bytes:
    try:
        inflater = zlib.decompressobj()
        text = inflater.decompress(data, limit)
    except zlib.error:
        raise DamagedError(f"{what} is damaged") from None
    if not inflater.eof:
        raise DamagedError(f"{what} is damaged")
    return text


def _manifest(data: bytes, inbox: Path) -> None:
    try:
        text = _inflate(data, "the manifest", LONGEST).decode("utf-8")
    except UnicodeDecodeError:
        raise DamagedError("the manifest is damaged") from None
    manifest = Manifest.loads(text)
    _write_to_inbox(inbox, f"{manifest.release_id}.json", manifest.dumps())


def _signature(frame: Dict[str, Any], data: bytes, inbox: Path) -> None:
    release = frame.get("release")
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError:
        text = ""
    if not isinstance(release, str) or not valid_release_id(release) or not text:
        raise DamagedError("the signature that was sent is damaged")
    _write_to_inbox(inbox, f"{release}.sig", text)


def _write_to_inbox(inbox: Path, name: str, text: str) -> None:
    inbox.mkdir(parents=True, exist_ok=True)
    write_and_replace(inbox / name, text, top=inbox.parent)


def part_path(folder: Path, digest: str) -> Path:
    """Return the path of a layer's incomplete archive."""
    return folder / f".part-{digest}"


def partial_archives(folder: Path) -> Dict[str, int]:
    """Return the number of bytes received of each incomplete archive, by the layer's digest."""
    return {path.name[6:]: path.lstat().st_size for path in folder.glob(".part-*")}


def _layer(
    frame: Dict[str, Any],
    digest: str,
    folder: Path,
    stream: BinaryIO,
    result: Received,
    pool: Pool,
) -> None:
    """Receive a layer's archive; a large one is unpacked while the next frame is received."""
    pool.wait(digest)  # a layer may be sent twice
    size = frame["size"]
    listing = _exactly(stream, _bounded(frame, "list", min(size, _LONGEST_LIST)))
    part = part_path(folder, digest)
    _archive(frame, part, stream, size - len(listing))

    def unpack() -> None:
        _unpack(folder, digest, listing, part)

    def conclude() -> None:
        try:  # does nothing if the child succeeded, else raises its error again
            unpack()
            result.layers.append(digest)
        except DamagedError:
            result.again.append(digest)
        finally:
            part.unlink()

    if size < _LARGE:
        conclude()
    else:
        pool.submit(digest, size, unpack, conclude)


def _archive(frame: Dict[str, Any], part: Path, stream: BinaryIO, size: int) -> None:
    """Append the rest of an archive to the part already received, and verify its digest."""
    offset = frame["offset"]
    digest = hashlib.sha256()
    opened = open_file(part, os.O_RDWR | os.O_CREAT, top=part.parent.parent)
    with os.fdopen(opened, "r+b") as file:
        fits = offset <= os.fstat(file.fileno()).st_size
        for piece in _pieces(file, offset if fits else 0):
            digest.update(piece)
        try:
            if fits:
                file.truncate()
            for piece in _pieces(stream, size):
                if fits:
                    file.write(piece)
                    digest.update(piece)
        except OSError:
            file.close()
            part.unlink()  # do not leave the disk full
            raise
    if not fits:
        raise DamagedError(f"layer {str(frame['digest'])[:12]} starts behind its received part")
    if frame.get("sha256", digest.hexdigest()) != digest.hexdigest():
        part.unlink()
        raise DamagedError(
            f"the archive of layer {str(frame['digest'])[:12]} does not match its digest"
        )


def _unpack(folder: Path, digest: str, listing: bytes, part: Path) -> None:
    if store.is_stored(folder, digest):
        return
    entries = _entries(_inflate(listing, "a layer's list", _LONGEST_LIST), digest)
    opened = open_file(part, top=folder.parent)
    with os.fdopen(opened, "rb") as archive, store.incoming(folder) as place:
        tree = place / "tree"
        tree.mkdir()
        store.write_files(tree, layer_files(archive, entries, f"layer {digest[:12]}"))
        store.add(folder, digest, entries, tree)


def _entries(text: bytes, digest: str) -> List[FileEntry]:
    try:
        return load_list(text.decode("utf-8"), digest)
    except (UnicodeDecodeError, DeployKitError):
        raise DamagedError(f"the list of layer {digest[:12]} is damaged") from None


def _delta(frame: Dict[str, Any], digest: str, folder: Path, stream: BinaryIO) -> None:
    with store.incoming(folder) as place:
        payload = place / "payload"
        _inflate_to(payload, stream, frame["size"], _LONGEST_LIST + _LONGEST_CHANGE)
        base = str(frame.get("base"))
        if store.is_stored(folder, digest):
            return
        if not valid_digest(base) or not store.is_stored(folder, base):
            raise DamagedError(
                f"layer {digest[:12]} is a delta of a layer that is not in the store"
            )
        with os.fdopen(open_file(payload), "rb") as file:
            tree = place / "tree"
            tree.mkdir()
            try:
                entries = _apply(file, digest, folder, base, tree)
            except FileNotFoundError as error:  # a file was deleted from the store
                raise DamagedError(f"layer {base[:12]} lacks {error.filename}") from None
            store.add(folder, digest, entries, tree)


def _inflate_to(path: Path, stream: BinaryIO, size: int, limit: int) -> None:
    inflater = zlib.decompressobj()
    broken = False
    with os.fdopen(open_file(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as file:
        for piece in _pieces(stream, size):
            left = piece
            while left and not broken:  # a piece may inflate to a thousand times its size
                try:
                    file.write(inflater.decompress(left, _CHUNK))
                except zlib.error:
                    broken = True  # read on, to reach the next frame
                left = inflater.unconsumed_tail
                broken = broken or file.tell() > limit
    if broken or not inflater.eof:
        raise DamagedError("a change of a layer is damaged")


def _apply(file: BinaryIO, digest: str, folder: Path, base: str, tree: Path) -> List[FileEntry]:
    """Build a layer from its base: link unchanged files, copy moved ones, and write new ones."""
    try:
        head = json.loads(file.readline(_LONGEST_LIST))
        rows = [FileEntry(str(p), int(m), int(s), str(h)) for p, m, s, h in head["rows"]]
        gone = set(head["gone"]) | {row.path for row in rows}
        before = store.load_entries(folder, base)
        staying = [entry for entry in before if entry.path not in gone]
        entries = sorted([*staying, *rows])
        found = tree_digest(entries)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        raise DamagedError(f"the change of layer {digest[:12]} is damaged") from None
    if found != digest:
        raise DamagedError(
            f"layer {digest[:12]} does not match its digest after the delta was applied"
        )
    _entries(
        json.dumps([[e.path, e.mode, e.size, e.sha256] for e in entries]).encode("utf-8"), digest
    )
    link_layer(folder / base, staying, tree)
    held = {entry.sha256: folder / base / entry.path for entry in before}
    _validate_contents(file, rows, held, digest)
    store.write_files(tree, _contents(file, rows, held, folder.parent))
    return entries


def _validate_contents(
    file: BinaryIO, rows: List[FileEntry], held: Dict[str, Path], digest: str
) -> None:
    """Raise :class:`DamagedError` unless the declared sizes add up to the received bytes."""
    new = {row.sha256: row.size for row in rows if row.sha256 not in held}
    at = file.tell()
    if file.seek(0, os.SEEK_END) - at != sum(new.values()):
        raise DamagedError(f"the change of layer {digest[:12]} does not have its declared size")
    file.seek(at)


def _contents(
    file: BinaryIO, rows: List[FileEntry], held: Dict[str, Path], top: Path
) -> Iterator[store.File]:
    seen: Dict[str, bytes] = {}
    for row in rows:
        if row.sha256 in held:
            data = read_bytes(held[row.sha256], top=top)
        elif row.sha256 in seen:
            data = seen[row.sha256]
        else:
            data = seen[row.sha256] = file.read(row.size)
        if hashlib.sha256(data).hexdigest() != row.sha256:
            raise DamagedError(f"{row.path} does not match its digest")
        yield row, data


def remove_parts(folder: Path) -> None:
    """Remove incomplete archives."""
    for path in folder.glob(".part-*"):
        path.unlink()


def remove_inbox(inbox: Path) -> None:
    """Remove received manifests and signatures."""
    if inbox.is_dir() and not inbox.is_symlink():
        shutil.rmtree(inbox, ignore_errors=True)
    else:  # rmtree would wait for a pipe
        inbox.unlink(missing_ok=True)
