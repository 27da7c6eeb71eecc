"""Receives the missing layers of a release into the store, from a stream of :mod:`.frames`."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Dict, List

from ..base.errors import DeployKitError
from ..base.files import entries, is_full, open_file, write_and_replace
from ..base.names import valid_digest, valid_release_id
from ..base.workers import Pool
from ..bundle import signature
from ..bundle.manifest import LONGEST, FileEntry, Manifest, load_list
from ..bundle.reader import layer_files
from ..bundle.seal import DamagedError
from ..wire.events import Arriving, Emit
from ..wire.releasing import LIST_LIMIT, Arrived
from . import layers as store
from .deltas import receive_delta
from .frames import Frame, bounded, exactly, inflate, pieces, read_header

_LARGE = 1 << 18  # bytes; a larger layer is unpacked in a child process
_UNPACKED_LATER = 64 << 20  # bytes of archives that may wait for unpacking


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
            while (frame := read_header(stream)).kind != "end":
                result.bytes += frame.size
                _take(frame, folder, inbox, stream, result, pool)
                emit(Arriving(result.bytes, frame.digest[:12]))
            emit(Arrived(tuple(result.again)))
        finally:
            pool.finish()
    except OSError as error:
        if not is_full(error):
            raise
        raise DeployKitError(
            f"{folder} cannot receive files: {error.strerror}", "Free some space there."
        ) from None
    return result


def _take(
    frame: Frame,
    folder: Path,
    inbox: Path,
    stream: BinaryIO,
    result: Received,
    pool: Pool,
) -> None:
    if frame.kind == "manifest":
        _manifest(exactly(stream, bounded(frame.size, LONGEST, frame.kind, "size")), inbox)
        return
    if frame.kind == "signature":
        size = bounded(frame.size, signature.LONGEST, frame.kind, "size")
        _signature(frame.release, exactly(stream, size), inbox)
        return
    digest = frame.digest
    if not valid_digest(digest):
        raise DamagedError(
            f"the stream of files names {digest[:80]!r}, which is not a layer's digest", ""
        )
    try:
        if frame.kind == "layer":
            _layer(frame, digest, folder, stream, result, pool)
        else:
            receive_delta(frame, folder, stream)
            result.layers.append(digest)
    except DamagedError:
        result.again.append(digest)


def _manifest(data: bytes, inbox: Path) -> None:
    try:
        text = inflate(data, "the manifest", LONGEST).decode("utf-8")
    except UnicodeDecodeError:
        raise DamagedError("the manifest is damaged") from None
    manifest = Manifest.loads(text)
    _write_to_inbox(inbox, f"{manifest.release_id}.json", manifest.dumps())


def _signature(release: str, data: bytes, inbox: Path) -> None:
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError:
        text = ""
    if not valid_release_id(release) or not text:
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
    return {path.name[6:]: path.lstat().st_size for path in _parts(folder)}


def _parts(folder: Path) -> List[Path]:
    found = entries(folder.parent, folder.name)
    return [path for path in found if path.name.startswith(".part-")]


def _layer(
    frame: Frame,
    digest: str,
    folder: Path,
    stream: BinaryIO,
    result: Received,
    pool: Pool,
) -> None:
    """Receive a layer's archive; a large one is unpacked while the next frame is received."""
    pool.wait(digest)  # a layer may be sent twice
    size = frame.size
    listing = exactly(stream, bounded(frame.list, min(size, LIST_LIMIT), frame.kind, "list"))
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


def _archive(frame: Frame, part: Path, stream: BinaryIO, size: int) -> None:
    """Append the rest of an archive to the part already received, and verify its digest."""
    offset = frame.offset
    digest = hashlib.sha256()
    opened = open_file(part, os.O_RDWR | os.O_CREAT, top=part.parent.parent)
    with os.fdopen(opened, "r+b") as file:
        fits = offset <= os.fstat(file.fileno()).st_size
        for piece in pieces(file, offset if fits else 0):
            digest.update(piece)
        try:
            if fits:
                file.truncate()
            for piece in pieces(stream, size):
                if fits:
                    file.write(piece)
                    digest.update(piece)
        except OSError:
            file.close()
            part.unlink()  # do not leave the disk full
            raise
    if not fits:
        raise DamagedError(f"layer {frame.digest[:12]} starts behind its received part")
    if frame.sha256 not in ("", digest.hexdigest()):
        part.unlink()
        raise DamagedError(f"the archive of layer {frame.digest[:12]} does not match its digest")


def _unpack(folder: Path, digest: str, listing: bytes, part: Path) -> None:
    if store.is_stored(folder, digest):
        return
    listed = _entries(inflate(listing, "a layer's list", LIST_LIMIT), digest)
    opened = open_file(part, top=folder.parent)
    with os.fdopen(opened, "rb") as archive, store.incoming(folder) as place:
        tree = place / "tree"
        tree.mkdir()
        store.write_files(tree, layer_files(archive, listed, f"layer {digest[:12]}"))
        store.add(folder, digest, listed, tree)


def _entries(text: bytes, digest: str) -> List[FileEntry]:
    try:
        return load_list(text.decode("utf-8"), digest)
    except (UnicodeDecodeError, DeployKitError):
        raise DamagedError(f"the list of layer {digest[:12]} is damaged") from None


def remove_parts(folder: Path) -> None:
    """Remove incomplete archives."""
    for path in _parts(folder):
        path.unlink()
