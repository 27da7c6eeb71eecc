"""Receiving what a host lacks: a stream of frames on standard input, each verified on arrival.

A frame is a line of JSON and then ``size`` bytes:

- ``{"kind": "manifest", "size": N}``: the manifest, compressed with zlib;
- ``{"kind": "layer", "digest": D, "list": M, "offset": O, "size": N}``: the layer's list (M bytes,
  zlib), then its archive from offset O on (N bytes); what was cut off before goes on from there;
- ``{"kind": "delta", "digest": D, "base": B, "size": N}``: a layer as a change of one that is here,
  zlib over a line of JSON ``{"gone": [path …], "rows": [[path, mode, size, sha256] …]}`` and the
  contents of the new files that the base does not hold, in the order of the rows;
- ``{"kind": "end"}``.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Callable, Dict, Iterator, List

from . import store
from .bundlefile import DamagedError, layer_files
from .errors import DeployKitError
from .manifest import FileEntry, Manifest, load_list, tree_digest, valid_digest
from .tree import link

_CHUNK = 1 << 18
_LONGEST_LINE = 1 << 16
_LONGEST_LIST = 1 << 28
Tell = Callable[..., None]


class CutError(DeployKitError):
    """The stream ended before its last frame."""


@dataclass
class Received:
    """What came in: bytes, whole layers, and layers that must be sent again as a whole."""

    bytes: int = 0
    layers: List[str] = field(default_factory=list)
    again: List[str] = field(default_factory=list)


def receive(folder: Path, inbox: Path, stream: BinaryIO, tell: Tell) -> Received:
    """Read frames into the store ``folder``; the manifest goes to ``inbox``."""
    result = Received()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        while True:
            frame = _header(stream)
            if frame.get("kind") == "end":
                return result
            result.bytes += int(frame["size"])
            _take(frame, folder, inbox, stream, result)
            tell("received", bytes=result.bytes, digest=str(frame.get("digest", ""))[:12])
    except OSError as error:
        raise DeployKitError(
            f"{folder} cannot take what is sent: {error.strerror}", "Free some space there."
        ) from None


def _take(
    frame: Dict[str, Any], folder: Path, inbox: Path, stream: BinaryIO, result: Received
) -> None:
    if frame["kind"] == "manifest":
        _manifest(_exactly(stream, int(frame["size"])), inbox)
        return
    digest = str(frame.get("digest"))
    if not valid_digest(digest) or frame["kind"] not in ("layer", "delta"):
        raise DamagedError(
            f"a frame of kind {frame['kind']!r} for {digest!r} is not understood", ""
        )
    try:
        if frame["kind"] == "layer":
            _layer(frame, digest, folder, stream)
        else:
            _delta(frame, digest, folder, stream)
        result.layers.append(digest)
    except DamagedError:
        result.again.append(digest)


def _header(stream: BinaryIO) -> Dict[str, Any]:
    line = stream.readline(_LONGEST_LINE)
    if not line.endswith(b"\n"):
        raise CutError(
            "the connection ended while files were sent",
            "Run the same command again: it goes on from there.",
        )
    try:
        frame = json.loads(line)
    except ValueError:
        raise DamagedError(
            "the stream of files is damaged", "Run the same command again."
        ) from None
    if not isinstance(frame, dict) or not isinstance(frame.get("size", 0), int):
        raise DamagedError("the stream of files is damaged", "Run the same command again.")
    return frame


def _pieces(stream: BinaryIO, size: int) -> Iterator[bytes]:
    while size > 0:
        piece = stream.read(min(_CHUNK, size))
        if not piece:
            raise CutError(
                "the connection ended while files were sent",
                "Run the same command again: it goes on from there.",
            )
        size -= len(piece)
        yield piece


def _exactly(stream: BinaryIO, size: int) -> bytes:
    return b"".join(_pieces(stream, size))


def _inflate(data: bytes, what: str) -> bytes:
    try:
        inflater = zlib.decompressobj()
        text = inflater.decompress(data, _LONGEST_LIST)
    except zlib.error:
        raise DamagedError(f"{what} is damaged") from None
    if not inflater.eof:
        raise DamagedError(f"{what} is damaged")
    return text


def _manifest(data: bytes, inbox: Path) -> None:
    manifest = Manifest.loads(_inflate(data, "the manifest").decode("utf-8"))
    inbox.mkdir(parents=True, exist_ok=True)
    temporary = inbox / f".{manifest.release_id}.{os.getpid()}"
    temporary.write_text(manifest.dumps(), encoding="utf-8")
    os.replace(temporary, inbox / f"{manifest.release_id}.json")


def part_path(folder: Path, digest: str) -> Path:
    """Return where a layer's archive lies until it is whole."""
    return folder / f".part-{digest}"


def parts(folder: Path) -> Dict[str, int]:
    """Return the layers that came in part, with the bytes that are here."""
    return {path.name[6:]: path.stat().st_size for path in folder.glob(".part-*")}


def _layer(frame: Dict[str, Any], digest: str, folder: Path, stream: BinaryIO) -> None:
    size, offset = int(frame["size"]), int(frame["offset"])
    listing = _exactly(stream, int(frame["list"]))
    part = part_path(folder, digest)
    here = part.stat().st_size if part.exists() else 0
    fits = offset <= here
    with open(part, "r+b" if part.exists() else "w+b") as file:
        if fits:
            file.seek(offset)
            file.truncate()
        try:
            for piece in _pieces(stream, size - len(listing)):
                if fits:
                    file.write(piece)
        except OSError:
            file.close()
            part.unlink()  # a full disk must not stay full
            raise
    if not fits:
        raise DamagedError(f"layer {digest[:12]} has a gap")
    try:
        _unpack(folder, digest, listing, part)
    finally:
        part.unlink()


def _unpack(folder: Path, digest: str, listing: bytes, part: Path) -> None:
    if store.has(folder, digest):
        return
    entries = _entries(_inflate(listing, "a layer's list"), digest)
    with store.incoming(folder) as place, part.open("rb") as archive:
        tree = place / "tree"
        tree.mkdir()
        store.write_files(tree, layer_files(archive, entries, f"layer {digest[:12]}"))
        store.keep(folder, digest, entries, tree)


def _entries(text: bytes, digest: str) -> List[FileEntry]:
    try:
        return load_list(text.decode("utf-8"), digest)
    except (UnicodeDecodeError, DeployKitError):
        raise DamagedError(f"the list of layer {digest[:12]} is damaged") from None


def _delta(frame: Dict[str, Any], digest: str, folder: Path, stream: BinaryIO) -> None:
    with store.incoming(folder) as place:
        payload = place / "payload"
        _inflate_to(payload, stream, int(frame["size"]))
        base = str(frame.get("base"))
        if store.has(folder, digest):
            return
        if not valid_digest(base) or not store.has(folder, base):
            raise DamagedError(f"layer {digest[:12]} changes one that is not here")
        with payload.open("rb") as file:
            tree = place / "tree"
            tree.mkdir()
            entries = _apply(file, digest, folder, base, tree)
            store.keep(folder, digest, entries, tree)


def _inflate_to(path: Path, stream: BinaryIO, size: int) -> None:
    inflater = zlib.decompressobj()
    broken = False
    with path.open("wb") as file:
        for piece in _pieces(stream, size):
            try:
                if not broken:
                    file.write(inflater.decompress(piece))
            except zlib.error:
                broken = True  # read on: the next frame stands behind it
    if broken or not inflater.eof:
        raise DamagedError("a change of a layer is damaged")


def _apply(file: BinaryIO, digest: str, folder: Path, base: str, tree: Path) -> List[FileEntry]:
    """Build a layer from its base: link what stays, take what the base holds elsewhere, write the rest."""
    try:
        head = json.loads(file.readline())
        rows = [FileEntry(str(p), int(m), int(s), str(h)) for p, m, s, h in head["rows"]]
        gone = set(head["gone"]) | {row.path for row in rows}
    except (ValueError, KeyError, TypeError):
        raise DamagedError(f"the change of layer {digest[:12]} is damaged") from None
    before = store.entries_of(folder, base)
    staying = [entry for entry in before if entry.path not in gone]
    entries = sorted([*staying, *rows])
    if tree_digest(entries) != digest:
        raise DamagedError(f"layer {digest[:12]} does not result from the layer that is here")
    _entries(
        json.dumps([[e.path, e.mode, e.size, e.sha256] for e in entries]).encode("utf-8"), digest
    )
    link(folder / base, staying, tree)
    held = {entry.sha256: folder / base / entry.path for entry in before}
    store.write_files(tree, _contents(file, rows, held))
    return entries


def _contents(file: BinaryIO, rows: List[FileEntry], held: Dict[str, Path]) -> Iterator[store.File]:
    seen: Dict[str, bytes] = {}
    for row in rows:
        if row.sha256 in held:
            data = held[row.sha256].read_bytes()
        elif row.sha256 in seen:
            data = seen[row.sha256]
        else:
            data = seen[row.sha256] = file.read(row.size)
        if hashlib.sha256(data).hexdigest() != row.sha256:
            raise DamagedError(f"{row.path} does not match its digest")
        yield row, data


def forget_parts(folder: Path) -> None:
    """Remove what came in part."""
    for path in folder.glob(".part-*"):
        path.unlink()


def forget_inbox(inbox: Path) -> None:
    """Remove received manifests."""
    shutil.rmtree(inbox, ignore_errors=True)
