"""Builds layers from deltas: the difference to a layer that is in the store."""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from pathlib import Path
from typing import BinaryIO, Dict, Iterator, List

from ..base.errors import DeployKitError
from ..base.files import open_file
from ..base.names import valid_digest
from ..bundle.manifest import FileEntry, ManifestError, tree_digest, validate_entries
from ..bundle.seal import DamagedError
from ..wire.releasing import LIST_LIMIT
from . import layers as store
from .frames import CHUNK, Frame, pieces
from .virtualenv import link_layer

_LONGEST_CHANGE = 1 << 28  # bytes of a delta's contents; a controller sends at most a quarter


def receive_delta(frame: Frame, folder: Path, stream: BinaryIO) -> None:
    """Receive a delta, and add its layer to the store ``folder``.

    Raises :class:`DamagedError` if the layer must be sent again in full.
    """
    digest, base = frame.digest, frame.base
    with store.incoming(folder) as place:
        payload = place / "payload"
        _inflate_to(payload, stream, frame.size, LIST_LIMIT + _LONGEST_CHANGE)
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
            except ManifestError as error:  # of the base
                raise DamagedError(error.message) from None
            store.add(folder, digest, entries, tree)


def _inflate_to(path: Path, stream: BinaryIO, size: int, limit: int) -> None:
    inflater = zlib.decompressobj()
    broken = False
    with os.fdopen(open_file(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as file:
        for piece in pieces(stream, size):
            left = piece
            while left and not broken:  # a piece may inflate to a thousand times its size
                try:
                    file.write(inflater.decompress(left, CHUNK))
                except zlib.error:
                    broken = True  # read on, to reach the next frame
                left = inflater.unconsumed_tail
                broken = broken or file.tell() > limit
    if broken or not inflater.eof:
        raise DamagedError("a change of a layer is damaged")


def _apply(file: BinaryIO, digest: str, folder: Path, base: str, tree: Path) -> List[FileEntry]:
    """Build a layer from its base: link unchanged files, copy moved ones, and write new ones."""
    try:
        head = json.loads(file.readline(LIST_LIMIT))
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
    try:
        validate_entries(entries, digest)
    except DeployKitError:
        raise DamagedError(f"the list of layer {digest[:12]} is damaged") from None
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


def _read_held(path: Path, size: int, top: Path) -> bytes:
    """Return a stored file's bytes; one that was made longer does not match its digest."""
    with os.fdopen(open_file(path, top=top), "rb") as file:
        return file.read(size + 1)


def _contents(
    file: BinaryIO, rows: List[FileEntry], held: Dict[str, Path], top: Path
) -> Iterator[store.File]:
    seen: Dict[str, bytes] = {}
    for row in rows:
        if row.sha256 in held:
            data = _read_held(held[row.sha256], row.size, top)
        elif row.sha256 in seen:
            data = seen[row.sha256]
        else:
            data = seen[row.sha256] = file.read(row.size)
        if hashlib.sha256(data).hexdigest() != row.sha256:
            raise DamagedError(f"{row.path} does not match its digest")
        yield row, data
