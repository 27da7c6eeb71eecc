"""Frames as a controller sends them, right or wrong, and a store in a folder that receives them."""

from __future__ import annotations

import io
import json
import zlib
from pathlib import Path

from django_deploykit.runtime.bundle.manifest import dump_list, tree_digest
from django_deploykit.runtime.storage import layers, receive
from django_deploykit.runtime.storage.receive import Received
from tests.bundles import Tree, entries_of, layer_zip

TREE: Tree = {"app/manage.py": b"print()\n", "app/data/x.txt": b"x" * 5000}
ENTRIES = entries_of(TREE)
DIGEST = tree_digest(ENTRIES)
END = b'{"kind": "end"}\n'
ID = "20261123T041500-ab12cd3"
HUGE: list[tuple[str, object]] = [
    ("mode", [["app/x", 0o4755, 1, "a" * 64]]),
    ("size", [["app/x", 0o644, -1, "a" * 64]]),
    ("endless", [["app/x", 0o644, 10**30, "a" * 64]]),
    ("twice", [["app/x", 0o644, 1, "a" * 64], ["app/x", 0o644, 1, "a" * 64]]),
    ("folder", [["app/x", 0o644, 1, "a" * 64], ["app/x/y", 0o644, 1, "a" * 64]]),
    ("infinite", [["app/x", 0o644, float("inf"), "a" * 64]]),
    ("half", [["app/\ud800", 0o644, 1, "a" * 64]]),
    ("row", [["app/x", 0o644]]),
    ("none", {"a": 1}),
    ("number", 5),
]


def frame(kind: str, **facts: object) -> bytes:
    return json.dumps({"kind": kind, **facts}).encode() + b"\n"


def layer(tree: Tree = TREE, digest: str = "", archive: bytes | None = None) -> bytes:
    """Return a layer's frame, right but for what is given."""
    rows = entries_of(tree)
    listing = zlib.compress(dump_list(rows).encode())
    data = layer_zip(tree) if archive is None else archive
    digest = digest or tree_digest(rows)
    size = len(listing) + len(data)
    head = frame("layer", digest=digest, list=len(listing), offset=0, size=size)
    return head + listing + data


def delta(head: object, contents: bytes = b"", digest: str = "", base: str = DIGEST) -> bytes:
    data = zlib.compress(json.dumps(head).encode() + b"\n" + contents)
    return frame("delta", digest=digest or "e" * 64, base=base, size=len(data)) + data


def take(folder: Path, data: bytes) -> Received:
    return receive.receive(
        folder / "store", folder / "inbox", io.BytesIO(data), lambda *_, **__: None
    )


def kept(folder: Path) -> list[str]:
    return layers.stored_digests(folder / "store")
