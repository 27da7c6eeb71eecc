"""Sends layers to a host, whole or as deltas, in the frames of ``runtime.storage.frames``."""

from __future__ import annotations

import io
import json
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from django_deploykit.errors import DeployKitError
from django_deploykit.release.transports.base import Transport
from django_deploykit.runtime.base.files import hash_stream
from django_deploykit.runtime.bundle import signature
from django_deploykit.runtime.bundle.manifest import FileEntry, Layer, Manifest, load_list
from django_deploykit.runtime.bundle.reader import BundleFile
from django_deploykit.runtime.deploy.readiness import missing_layers
from django_deploykit.runtime.wire.events import Event
from django_deploykit.runtime.wire.facts import HostFacts
from django_deploykit.runtime.wire.reader import inflate
from django_deploykit.runtime.wire.releasing import LIST, LIST_LIMIT, RECEIVE, Arrived

_CHUNK = 1 << 18
_ATTEMPTS = 3
# Bytes. A layer with a larger delta is sent whole, because a delta is held in memory.
_LARGEST_DELTA = 64 << 20


@dataclass(frozen=True)
class Delta:
    """The difference between a layer and an older one that the host already has."""

    base: str
    gone: tuple[str, ...]
    rows: tuple[FileEntry, ...]
    contents: tuple[FileEntry, ...]  # the rows whose content the base lacks, each content once

    @property
    def size(self) -> int:
        """The size of the contents in bytes, before compression."""
        return sum(entry.size for entry in self.contents)


def make_delta(base: str, before: Sequence[FileEntry], after: Sequence[FileEntry]) -> Delta:
    """Return the difference between two file lists.

    >>> make_delta("b" * 64, [], []).size
    0
    """
    old, new = set(before), set(after)
    paths = {entry.path for entry in after}
    rows = tuple(sorted(new - old))
    held = {entry.sha256 for entry in before}
    contents: dict[str, FileEntry] = {}
    for row in rows:
        if row.sha256 not in held:
            contents.setdefault(row.sha256, row)
    gone = tuple(sorted(entry.path for entry in before if entry.path not in paths))
    return Delta(base, gone, rows, tuple(contents.values()))


def delta_head(delta: Delta) -> bytes:
    """Return the line of JSON that a delta starts with."""
    rows = [[row.path, row.mode, row.size, row.sha256] for row in delta.rows]
    return json.dumps({"gone": delta.gone, "rows": rows}, separators=(",", ":")).encode() + b"\n"


def pack_delta(bundle: BundleFile, digest: str, delta: Delta) -> bytes:
    """Return a delta as compressed bytes."""
    wanted = {entry.path for entry in delta.contents}
    data: dict[str, bytes] = {}
    if wanted:
        for entry, content in bundle.files(digest):
            if entry.path in wanted:
                data[entry.path] = content if isinstance(content, bytes) else b"".join(content)
    packer = zlib.compressobj(9)
    pieces = [packer.compress(delta_head(delta))]
    pieces += [packer.compress(data[entry.path]) for entry in delta.contents]
    return b"".join(pieces) + packer.flush()


def fitting_signature(path: Path, manifest: Manifest) -> str:
    """Return the text of ``FILE.sig``, or an empty string if it does not sign this bundle."""
    try:
        text = signature.read_signature(path)
        stated = signature.parse(text).statement
    except DeployKitError:
        return ""
    return text if stated == signature.make_statement(manifest, stated.bundle) else ""


def frame(kind: str, **facts: object) -> bytes:
    """Return a frame's header."""
    return json.dumps({"kind": kind, **facts}, separators=(",", ":")).encode() + b"\n"


def whole_frames(bundle: BundleFile, layer: Layer, offset: int) -> Iterator[bytes]:
    """Yield a layer's frame, with its archive from ``offset`` on."""
    listing = zlib.compress(bundle.list_text(layer.sha256).encode("utf-8"), 9)
    size = bundle.archive_size(layer.sha256)
    # Equal: the host may have the whole archive if it was interrupted before unpacking it.
    start = offset if offset <= size else 0
    length = len(listing) + size - start
    sha256 = hash_stream(bundle.archive(layer.sha256))
    yield frame(
        "layer", digest=layer.sha256, list=len(listing), offset=start, size=length, sha256=sha256
    )
    yield listing
    archive = bundle.archive(layer.sha256)  # reading may have moved the position
    archive.seek(start)
    while piece := archive.read(_CHUNK):
        yield piece


class Frames(io.RawIOBase):
    """A readable file object that returns frames.

    ``on_bytes`` gets the number of bytes read so far. ``size`` is about how many there will be.
    """

    def __init__(
        self, pieces: Iterator[bytes], on_bytes: Callable[[int], None], size: int = 0
    ) -> None:
        super().__init__()
        self.size = size
        self._pieces, self._on_bytes = pieces, on_bytes
        self._rest = b""
        self.sent = 0
        self._lock = threading.Lock()

    def readable(self) -> bool:
        """Return True."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return at most ``size`` bytes of the next piece."""
        with self._lock:
            if not self._rest:
                self._rest = next(self._pieces, b"")
            length = len(self._rest) if size is None or size < 0 else size
            data, self._rest = self._rest[:length], self._rest[length:]
            self.sent += len(data)
        self._on_bytes(self.sent)
        return data


class Transfer:
    """Sends data in a background thread. The host still unpacks it after it has arrived."""

    def __init__(self, send: Callable[[Callable[[], None]], int]) -> None:
        """``send`` calls its argument when everything has arrived, and returns the bytes sent."""
        self._send = send
        self._arrived = threading.Event()
        self._sent, self._error = 0, None  # type: int, BaseException | None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def arrive(self) -> None:
        """Wait until everything has arrived; raise the error if sending failed."""
        self._arrived.wait()
        if self._error is not None:
            raise self._error

    def end(self) -> int:
        """Wait until it is unpacked; return the bytes sent or raise the error if sending failed."""
        self._thread.join()
        self.arrive()
        return self._sent

    def _run(self) -> None:
        try:
            self._sent = self._send(self._arrived.set)
        except BaseException as error:  # noqa: BLE001 - raised by arrive() and end()
            self._error = error
        finally:
            self._arrived.set()


class Sender:
    """Sends one bundle's missing layers to hosts."""

    def __init__(
        self, path: Path, known_lists: Callable[[str], str | None] = lambda _: None
    ) -> None:
        """``known_lists`` returns a layer's file list for its digest, or None if unknown here."""
        self.path = path
        self._known = known_lists

    def total(self, facts: HostFacts) -> int:
        """Return the number of bytes to send to a host, at most."""
        return sum(travelling_sizes(self.path, [facts]).values())

    def send(
        self,
        transport: Transport,
        facts: HostFacts,
        on_bytes: Callable[[int], None],
        whole: Sequence[str] = (),
        arrived: Callable[[], None] = lambda: None,
    ) -> int:
        """Send the layers that a host lacks and return the bytes sent.

        ``whole`` has the digests of layers to send without a base; if it is not empty, only these
        are sent. A layer that arrives damaged is sent again as a whole. ``arrived`` is called when
        every byte has arrived undamaged, while the host is still unpacking. Raises
        :class:`DeployKitError` if layers still arrive damaged after three attempts.
        """

        def hear(event: Event) -> None:
            if isinstance(event, Arrived) and not event.again:
                arrived()

        sent = 0
        for _ in range(_ATTEMPTS):
            before = sent
            with BundleFile(self.path) as bundle:
                layers = missing_or_named(bundle.manifest.layers, facts, whole)
                bases = {} if whole else self._bases(transport, layers, facts)
                deltas = {
                    layer.sha256: self._delta(bundle, layer, bases.get(layer.sha256))
                    for layer in layers
                }
                pieces = self._pieces(bundle, layers, facts, deltas)
                frames = Frames(
                    pieces,
                    lambda done, start=before: on_bytes(start + done),  # type: ignore[misc]
                    sum(_size(bundle, digest, delta) for digest, delta in deltas.items()),
                )
                result = transport.call(RECEIVE, stream=frames, on_event=hear)  # type: ignore[arg-type]
            sent += frames.sent
            if not result.again:
                return sent
            whole = result.again
            facts = replace(facts, parts={}, bases=())
        raise DeployKitError(
            f"layers arrive damaged after {_ATTEMPTS} attempts: "
            + ", ".join(digest[:12] for digest in whole),
            "Check the bundle with `./BUNDLE deploykit verify`, and the connection.",
        )

    def _pieces(
        self,
        bundle: BundleFile,
        layers: Sequence[Layer],
        facts: HostFacts,
        deltas: Mapping[str, Delta | None],
    ) -> Iterator[bytes]:
        manifest = zlib.compress(bundle.manifest.dumps().encode("utf-8"), 9)
        yield frame("manifest", size=len(manifest))
        yield manifest
        text = fitting_signature(self.path, bundle.manifest).encode("ascii")
        if text:
            yield frame("signature", release=bundle.manifest.release_id, size=len(text))
            yield text
        for layer in layers:
            delta = deltas[layer.sha256]
            if delta is not None:
                data = pack_delta(bundle, layer.sha256, delta)
                yield frame("delta", digest=layer.sha256, base=delta.base, size=len(data))
                yield data
            else:
                yield from whole_frames(bundle, layer, facts.parts.get(layer.sha256, 0))
        yield frame("end")

    def _delta(
        self, bundle: BundleFile, layer: Layer, base: tuple[str, str] | None
    ) -> Delta | None:
        """Return the delta from ``base``, or None if sending the layer whole is cheaper."""
        if base is None:
            return None
        digest, text = base
        delta = make_delta(digest, load_list(text, digest), bundle.entries(layer.sha256))
        return delta if delta.size < min(layer.size, _LARGEST_DELTA) else None

    def _bases(
        self, transport: Transport, layers: Sequence[Layer], facts: HostFacts
    ) -> dict[str, tuple[str, str]]:
        """Return the host's layer that a delta can be based on, and its list, for each layer.

        It is the newest one of the same name, or of the group that new folders come from.
        """
        texts: dict[str, str | None] = {}
        found: dict[str, tuple[str, str]] = {}
        for layer in layers:
            rows = [row for row in facts.bases if row.kind == layer.kind != "distribution"]
            named = [row for row in rows if row.name == layer.name]
            for row in (named or [row for row in rows if row.name in ("", layer.kind)])[:1]:
                if row.digest not in texts:
                    texts[row.digest] = self._known(row.digest) or _fetched(transport, row.digest)
                text = texts[row.digest]
                if text is not None:
                    found[layer.sha256] = row.digest, text
        return found


def _size(bundle: BundleFile, digest: str, delta: Delta | None) -> int:
    """Return the number of bytes to send for a layer, at most."""
    if delta is not None:
        return delta.size
    return bundle.archive_size(digest)


def missing_or_named(
    layers: Sequence[Layer], facts: HostFacts, named: Sequence[str]
) -> list[Layer]:
    """Return the layers to send: ``named`` ones, or if it is empty those that the host lacks."""
    if named:
        return [layer for layer in layers if layer.sha256 in named]
    return [layer for layer in layers if layer.sha256 not in facts.layers]


def _fetched(transport: Transport, digest: str) -> str | None:
    text = transport.call(LIST, digest).list
    return inflate(text, LIST_LIMIT, f"the list of layer {digest[:12]}").decode("utf-8")


def travelling_sizes(path: Path, facts: Sequence[HostFacts]) -> dict[str, int]:
    """Return the archive size in bytes of each layer that some host lacks, by digest."""
    with BundleFile(path) as bundle:
        digests = {layer.sha256 for one in facts for layer in missing_layers(bundle.manifest, one)}
        return {digest: bundle.archive_size(digest) for digest in sorted(digests)}
