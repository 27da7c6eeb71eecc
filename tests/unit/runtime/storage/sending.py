"""Bundles that are sent to a store in a folder, and the releases that are staged from it."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from django_deploykit.release.upload import Sender
from django_deploykit.runtime.base.documents import Document
from django_deploykit.runtime.base.site import Site
from django_deploykit.runtime.bundle.manifest import Manifest, Process
from django_deploykit.runtime.bundle.reader import BundleFile
from django_deploykit.runtime.storage import layers as store
from django_deploykit.runtime.storage import receive
from django_deploykit.runtime.storage.virtualenv import stage
from django_deploykit.runtime.wire.calls import Call
from django_deploykit.runtime.wire.facts import BaseLayer, HostFacts
from django_deploykit.runtime.wire.reader import deflate
from django_deploykit.runtime.wire.releasing import ListResult, ReceiveResult
from tests.bundles import Tree, make_layer, make_manifest, write_bundle

APP: Tree = {
    "app/manage.py": (b"import sys\nprint(sys.prefix)\nprint(sys.argv[1:])\n", 0o755),
    "app/shop/views.py": b"old view\n",
    "app/shop/same.py": b"same\n",
    "app/shop/twin.py": b"same\n",
}
CHANGED: Tree = {
    "app/manage.py": APP["app/manage.py"],
    "app/shop/views.py": b"new view\n",
    "app/shop/moved.py": b"same\n",
    "app/shop/twin.py": b"same\n",
    "app/shop/again.py": b"new view\n",
}
DEPENDENCY: Tree = {"lib/python3/site-packages/django.py": b"django = 5\n" * 500}


def bundle_of(folder: Path, app: Tree, release: str = "20261101T000000-aaaaaaa") -> Path:
    layers = (
        make_layer("app", "app", "", app),
        make_layer("distribution", "django", "5", DEPENDENCY),
    )
    processes = (Process("web", 'echo "$PORT"'), Process("release", "yes | head -1"))
    manifest = make_manifest(layers, release_id=release, processes=processes)
    return write_bundle(folder / f"{release}.pyz", manifest, {"app": app, "django": DEPENDENCY})


def manifest_of(path: Path) -> Manifest:
    with BundleFile(path) as bundle:
        return bundle.manifest


class Wire:
    """A transport to a store in a folder, which may cut or damage what is sent."""

    name = "web1"

    def __init__(self, root: Path) -> None:
        self.root = root
        self.cut: int | None = None
        self.flip: int | None = None
        self.frames: list[Document] = []
        self.bases: list[BaseLayer] = []

    def facts(self) -> HostFacts:
        folder = self.root / "store"
        return HostFacts(
            setup=True,
            layers=frozenset(store.stored_digests(folder)),
            parts=receive.partial_archives(folder) if folder.exists() else {},
            bases=tuple(self.bases),
        )

    def call(self, verb: Call[Any], *arguments: str, stream: Any = None, **_: Any) -> Any:
        if verb.name == "list":
            text = (self.root / "store" / f"{arguments[0]}.json").read_bytes()
            return ListResult(deflate(text))
        pieces = []
        while piece := stream.read(1 << 16):
            pieces.append(piece)
            if piece.startswith(b'{"kind"'):
                self.frames.append(json.loads(piece))
        data = bytearray(b"".join(pieces))
        if self.flip is not None:
            data[self.flip % len(data)] ^= 0xFF
        if self.cut is not None:
            del data[self.cut :]
        got = receive.receive(
            self.root / "store", self.root / "inbox", io.BytesIO(bytes(data)), lambda *_, **__: None
        )
        return ReceiveResult(got.bytes, tuple(got.layers), tuple(got.again))


def send(path: Path, wire: Wire, whole: tuple[str, ...] = ()) -> int:
    return Sender(path).send(wire, wire.facts(), lambda _: None, whole)  # type: ignore[arg-type]


def holds(folder: Path, tree: Tree) -> bool:
    layer = make_layer("app", "app", "", tree)
    return store.is_stored(folder, layer.sha256) and not store.damaged_files(folder, layer.sha256)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site("shop", tmp_path, tmp_path / "etc", tmp_path / "var", keep=2)


def staged(site: Site, number: int, app: Tree | None = None) -> str:
    """Send and stage a release; returns its id."""
    release = f"2026110{number}T000000-aaaaaa{number}"
    tree = app if app is not None else {**APP, "app/number": b"%d" % number}
    path = bundle_of(site.root, tree, release)
    send(path, Wire(site.root))
    stage(manifest_of(path), site.store, site.releases / release, {"SHOP_CONFIG": "/etc/$x`.ini"})
    path.unlink()
    return release
