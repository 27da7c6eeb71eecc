"""The stream of frames that brings layers to a host.

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

import json
import zlib
from typing import BinaryIO, Iterator, NamedTuple

from ..base.errors import DeployKitError
from ..bundle.seal import DamagedError

CHUNK = 1 << 18  # bytes that are read at once
_LONGEST_LINE = 1 << 16
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


class Frame(NamedTuple):
    """A frame's line of JSON. Its kind and numbers are valid, its texts are not verified."""

    kind: str
    size: int
    list: int
    offset: int
    digest: str
    base: str
    release: str
    sha256: str


def read_header(stream: BinaryIO) -> Frame:
    """Return the next frame's line of JSON."""
    line = stream.readline(_LONGEST_LINE)
    if not line.endswith(b"\n"):
        raise _cut()
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        data = None
    kind = str(data.get("kind")) if isinstance(data, dict) else ""
    if kind not in _FRAMES:
        raise DamagedError("the stream of files is damaged", "Run the same command again.")
    size, listing, offset = (
        bounded(data.get(name), _LARGEST, kind, name) if name in _FRAMES[kind] else 0
        for name in ("size", "list", "offset")
    )
    texts = (str(data.get(name, "")) for name in ("digest", "base", "release", "sha256"))
    return Frame(kind, size, listing, offset, *texts)


def bounded(value: object, limit: int, kind: str, name: str) -> int:
    """Return a number of a frame; raise :class:`DamagedError` unless it is from 0 to ``limit``."""
    if type(value) is not int or not 0 <= value <= limit:
        raise DamagedError(
            f"the stream of files is damaged: its {kind} has a {name} of {str(value)[:40]}",
            "Run the same command again.",
        )
    return value


def pieces(stream: BinaryIO, size: int) -> Iterator[bytes]:
    """Yield the next ``size`` bytes; raise :class:`CutError` if the stream ends before."""
    while size > 0:
        piece = stream.read(min(CHUNK, size))
        if not piece:
            raise _cut()
        size -= len(piece)
        yield piece


def exactly(stream: BinaryIO, size: int) -> bytes:
    """Return the next ``size`` bytes; raise :class:`CutError` if the stream ends before."""
    return b"".join(pieces(stream, size))


def inflate(data: bytes, what: str, limit: int) -> bytes:
    """Return the data without compression; raise :class:`DamagedError` beyond ``limit`` bytes."""
    try:
        inflater = zlib.decompressobj()
        text = inflater.decompress(data, limit)
    except zlib.error:
        raise DamagedError(f"{what} is damaged") from None
    if not inflater.eof:
        raise DamagedError(f"{what} is damaged")
    return text


def _cut() -> CutError:
    return CutError(
        "the connection ended during the transfer",
        "Run the same command again: the transfer resumes.",
    )
