"""What arrives in the store of layers, whole, as a delta, cut, damaged or hostile."""

from __future__ import annotations

import contextlib
import io
import os
import zlib
from pathlib import Path

import pytest

from django_deploykit.release.upload import Sender, delta_head, frame, make_delta, whole_frames
from django_deploykit.runtime.base.errors import DeployKitError
from django_deploykit.runtime.bundle.reader import BundleFile
from django_deploykit.runtime.storage import layers as store
from django_deploykit.runtime.storage import receive
from django_deploykit.runtime.storage.frames import CutError
from django_deploykit.runtime.wire.facts import BaseLayer
from django_deploykit.runtime.wire.releasing import Arrived
from tests.bundles import entries_of, make_layer
from tests.unit.runtime.storage.sending import APP, CHANGED, Wire, bundle_of, holds, send


def test_layers_arrive_whole_with_their_modes(tmp_path: Path) -> None:
    wire = Wire(tmp_path)
    path = bundle_of(tmp_path, APP)
    before = os.umask(0o077)
    try:
        sent = send(path, wire)
    finally:
        os.umask(before)
    assert sent > 0
    assert holds(tmp_path / "store", APP)
    digest = make_layer("app", "app", "", APP).sha256
    tree = tmp_path / "store" / digest
    assert (tree / "app/manage.py").stat().st_mode & 0o777 == 0o755
    assert (tree / "app/shop/views.py").stat().st_mode & 0o777 == 0o644
    assert (tree / "app/shop").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "inbox" / "20261101T000000-aaaaaaa.json").exists()
    assert send(path, wire) < 1000  # the manifest alone


def test_a_change_travels_as_what_changed(tmp_path: Path) -> None:
    wire = Wire(tmp_path)
    first, second = (
        bundle_of(tmp_path, APP),
        bundle_of(tmp_path, CHANGED, "20261102T000000-bbbbbbb"),
    )
    send(first, wire)
    base = make_layer("app", "app", "", APP).sha256
    wire.bases = [BaseLayer("app", base, "20261101T000000-aaaaaaa")]
    wire.frames.clear()
    send(second, wire)
    assert [one["kind"] for one in wire.frames] == ["manifest", "delta", "end"]
    assert wire.frames[1]["base"] == base
    assert holds(tmp_path / "store", CHANGED)


def test_a_change_of_a_layer_that_is_gone_is_sent_whole(tmp_path: Path) -> None:
    wire = Wire(tmp_path)
    first, second = (
        bundle_of(tmp_path, APP),
        bundle_of(tmp_path, CHANGED, "20261102T000000-bbbbbbb"),
    )
    send(first, wire)
    base = make_layer("app", "app", "", APP).sha256
    text = (tmp_path / "store" / f"{base}.json").read_text()
    wire.bases = [BaseLayer("app", base, "x")]
    store.remove(tmp_path / "store", base)
    Sender(second, lambda _: text).send(wire, wire.facts(), lambda _: None)  # type: ignore[arg-type]
    assert holds(tmp_path / "store", CHANGED)


def test_a_difference_holds_each_new_content_once() -> None:
    delta = make_delta("b" * 64, entries_of(APP), entries_of(CHANGED))
    assert delta.gone == ("app/shop/same.py",)
    assert [row.path for row in delta.rows] == [
        "app/shop/again.py",
        "app/shop/moved.py",
        "app/shop/views.py",
    ]
    assert len(delta.contents) == 1
    assert delta.size == len(b"new view\n")


def test_a_stream_that_is_cut_anywhere_goes_on_where_it_was_cut(tmp_path: Path) -> None:
    path = bundle_of(tmp_path, APP)
    whole = Wire(tmp_path / "whole")
    total = send(path, whole)
    for cut in range(0, total, max(1, total // 40)):
        wire = Wire(tmp_path / str(cut))
        wire.cut = cut
        with pytest.raises(CutError):
            send(path, wire)
        wire.cut = None
        again = send(path, wire)
        assert again <= total
        assert holds(wire.root / "store", APP)
        assert receive.partial_archives(wire.root / "store") == {}


def test_what_is_damaged_on_the_way_is_noticed_and_sent_again(tmp_path: Path) -> None:
    path = bundle_of(tmp_path, APP)
    total = send(path, Wire(tmp_path / "whole"))
    noticed = 0
    for flip in range(0, total, max(1, total // 25)):
        wire = Wire(tmp_path / str(flip))
        wire.flip = flip
        try:
            send(path, wire)
        except DeployKitError:
            noticed += 1
        wire.flip = None
        for _ in range(2):
            send(path, wire)
        assert holds(wire.root / "store", APP)
    assert noticed


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no json\n",
        b"[]\n",
        b'{"kind": "layer", "size": "many"}\n',
        frame("layer", digest="../../etc/passwd", list=0, offset=0, size=0),
        frame("delta", digest="a" * 64, base="../x", size=0),
        frame("manifest", size=3) + b"abc",
        frame("layer", digest="a" * 64, list=-5, offset=-1, size=3) + b"abc",
    ],
)
def test_a_hostile_stream_writes_nothing(tmp_path: Path, data: bytes) -> None:
    folder = tmp_path / "store"
    stream = io.BytesIO(data + frame("end"))
    with contextlib.suppress(DeployKitError):
        receive.receive(folder, tmp_path / "inbox", stream, lambda *_, **__: None)
    assert store.stored_digests(folder) == []
    assert {path.name for path in tmp_path.iterdir()} <= {"store", "inbox"}
    assert [path for path in folder.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("path", ["/etc/passwd", "../up", "app/../../up", "a\\b", "app/\x01"])
def test_a_change_cannot_write_outside_its_layer(tmp_path: Path, path: str) -> None:
    wire = Wire(tmp_path)
    send(bundle_of(tmp_path, APP), wire)
    rows = entries_of({path: b"evil"})
    after = sorted([*entries_of(APP), *rows])
    from django_deploykit.runtime.bundle.manifest import tree_digest

    digest, base = tree_digest(after), make_layer("app", "app", "", APP).sha256
    delta = make_delta(base, entries_of(APP), after)
    payload = zlib.compress(delta_head(delta) + b"evil")
    data = frame("delta", digest=digest, base=base, size=len(payload)) + payload + frame("end")
    got = receive.receive(
        tmp_path / "store", tmp_path / "inbox", io.BytesIO(data), lambda *_, **__: None
    )
    assert got.again == [digest]
    assert not store.is_stored(tmp_path / "store", digest)


@pytest.mark.parametrize("place", ["store", "inbox", "part", "list"])
def test_nothing_is_received_through_a_link(tmp_path: Path, place: str) -> None:
    root, elsewhere = tmp_path / "srv", tmp_path / "elsewhere"
    root.mkdir()
    elsewhere.mkdir()
    digest = make_layer("app", "app", "", APP).sha256
    (root / "store").mkdir()
    target = elsewhere if place in ("store", "inbox") else elsewhere / "file"
    name = {"part": f"store/.part-{digest}", "list": f"store/{digest}.json"}.get(place, place)
    if place == "store":
        (root / "store").rmdir()
    (root / name).symlink_to(target)

    def use() -> object:
        if place == "list":
            return store.load_entries(root / "store", digest)
        return send(bundle_of(tmp_path, APP), Wire(root))

    with pytest.raises((DeployKitError, OSError)) as caught:
        use()
    assert "is a link" in str(caught.value)
    assert os.listdir(elsewhere) == []


def test_an_archive_that_is_whole_is_not_sent_again(tmp_path: Path) -> None:
    wire = Wire(tmp_path)
    path = bundle_of(tmp_path, APP)
    digest = make_layer("app", "app", "", APP).sha256
    with BundleFile(path) as bundle:
        archive = bundle.archive(digest).read()
    (tmp_path / "store").mkdir()
    receive.part_path(tmp_path / "store", digest).write_bytes(archive)
    send(path, wire)
    (sent,) = [one for one in wire.frames if one.get("digest") == digest]
    assert (sent["offset"], sent["size"]) == (len(archive), sent["list"])
    assert holds(tmp_path / "store", APP)
    assert receive.partial_archives(tmp_path / "store") == {}


def test_an_archive_is_known_as_damaged_when_it_has_arrived(tmp_path: Path) -> None:
    wire = Wire(tmp_path)
    told: list[object] = []
    path = bundle_of(tmp_path, APP)
    digest = make_layer("app", "app", "", APP).sha256
    with BundleFile(path) as bundle:
        layer = bundle.manifest.layers[0]
        data = bytearray(b"".join(whole_frames(bundle, layer, 0)) + frame("end"))
    data[-40] ^= 1  # of the archive
    got = receive.receive(
        tmp_path / "store",
        tmp_path / "inbox",
        io.BytesIO(bytes(data)),
        told.append,
    )
    assert told[-1] == Arrived((digest,))
    assert got.again == [digest]
    assert receive.partial_archives(tmp_path / "store") == {}
    send(path, wire)
    assert holds(tmp_path / "store", APP)


def test_a_change_of_a_group_starts_from_the_group_of_that_name(tmp_path: Path) -> None:
    wire = Wire(tmp_path)
    send(bundle_of(tmp_path, APP), wire)
    base = make_layer("app", "app", "", APP).sha256
    wire.bases = [BaseLayer("app", "f" * 64, "x", "app/static"), BaseLayer("app", base, "x", "app")]
    wire.frames.clear()
    send(bundle_of(tmp_path, CHANGED, "20261102T000000-bbbbbbb"), wire)
    assert wire.frames[1]["base"] == base
