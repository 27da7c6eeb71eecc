"""The store of layers, what arrives in it, and the releases that are linked from it."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from django_deploykit.release.upload import Sender, delta_head, frame, make_delta, whole_frames
from django_deploykit.runtime.base.errors import DeployKitError
from django_deploykit.runtime.base.site import Site
from django_deploykit.runtime.bundle.manifest import Manifest, Process
from django_deploykit.runtime.bundle.reader import BundleFile
from django_deploykit.runtime.deploy import switch
from django_deploykit.runtime.storage import layers as store
from django_deploykit.runtime.storage import prune, receive
from django_deploykit.runtime.storage.frames import CutError
from django_deploykit.runtime.storage.virtualenv import changed_files, load_release, stage
from django_deploykit.runtime.wire.calls import Call
from django_deploykit.runtime.wire.facts import BaseLayer, HostFacts
from django_deploykit.runtime.wire.journal import JournalRecord, append
from django_deploykit.runtime.wire.reader import deflate
from django_deploykit.runtime.wire.releasing import Arrived, ListResult, ReceiveResult
from tests.bundles import Tree, entries_of, make_layer, make_manifest, write_bundle

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
        self.frames: list[dict[str, Any]] = []
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


def test_damage_in_the_store_is_found_and_set_aside(tmp_path: Path) -> None:
    wire = Wire(tmp_path)
    send(bundle_of(tmp_path, APP), wire)
    digest = make_layer("app", "app", "", APP).sha256
    path = tmp_path / "store" / digest / "app/shop/views.py"
    for damage in (b"xld view\n", b"", None):
        path.unlink()
        if damage is not None:
            path.write_bytes(damage)
        assert store.damaged_files(tmp_path / "store", digest) == ["app/shop/views.py"]
        store.remove(tmp_path / "store", digest)
        assert not store.is_stored(tmp_path / "store", digest)
        send(bundle_of(tmp_path, APP), wire)
        assert holds(tmp_path / "store", APP)


@pytest.mark.parametrize("kind", ["pipe", "link to the file", "link to its folder"])
def test_what_is_no_file_of_a_layer_is_damage_and_is_not_opened(tmp_path: Path, kind: str) -> None:
    send(bundle_of(tmp_path, APP), Wire(tmp_path))
    digest = make_layer("app", "app", "", APP).sha256
    path = tmp_path / "store" / digest / "app/shop/views.py"
    moved = path.parent if kind.endswith("folder") else path
    moved.rename(tmp_path / "moved")
    if kind == "pipe":
        os.mkfifo(path)
    else:
        moved.symlink_to(tmp_path / "moved")
        assert path.read_bytes() == APP["app/shop/views.py"]
    assert "app/shop/views.py" in store.damaged_files(tmp_path / "store", digest)


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


def test_a_release_is_a_virtualenv_whose_commands_know_their_surroundings(site: Site) -> None:
    release = site.releases / staged(site, 1, APP)
    done = subprocess.run(
        [release / "bin/shop", "a b", "*"], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [str(release), "['a b', '*']"]
    run = [release / "bin/deploykit-run"]
    assert subprocess.check_output([*run, "web"], env={"PORT": "81"}, text=True) == "81\n"
    assert subprocess.check_output([*run, "web", "x"], env={}, text=True) == "8000 x\n"
    assert subprocess.check_output([*run, "release"], text=True) == "y\n"
    assert subprocess.run([*run, "nothing"], capture_output=True).returncode == 2
    source = f'. "{release}/bin/activate"; echo "$VIRTUAL_ENV"; command -v python'
    assert subprocess.check_output(["sh", "-c", source], text=True).splitlines() == [
        str(release),
        f"{release}/bin/python",
    ]
    assert "SHOP_CONFIG:=/etc/\\$x\\`.ini" in (release / "bin/shop").read_text()


def test_a_releases_files_are_the_stores(site: Site) -> None:
    release = site.releases / staged(site, 1, APP)
    digest = make_layer("app", "app", "", APP).sha256
    ours, theirs = release / "app/shop/views.py", site.store / digest / "app/shop/views.py"
    assert ours.stat().st_ino == theirs.stat().st_ino
    assert changed_files(release, site.store, load_release(release)) == []
    ours.unlink()
    ours.write_bytes(b"by hand\n")
    assert changed_files(release, site.store, load_release(release)) == ["app/shop/views.py"]


def test_staging_what_is_there_leaves_it_alone(site: Site) -> None:
    release = site.releases / staged(site, 1, APP)
    before = release.stat().st_ino
    stage(load_release(release), site.store, release, {})
    assert release.stat().st_ino == before
    assert [path.name for path in site.releases.iterdir()] == [release.name]


def went_live(site: Site, release: str, before: str | None = None) -> None:
    append(site.journal, JournalRecord("release", release, "live", before=before))
    switch.point(site, release)


def test_prunes_by_success_and_keeps_what_is_live_and_the_last_good_one(site: Site) -> None:
    releases = [staged(site, number) for number in range(1, 7)]
    for before, release in zip([None, *releases], releases[:3], strict=False):
        went_live(site, release, before)
    gone = prune.prune(site)
    assert prune.staged_releases(site) == releases[1:3]
    assert gone.removed == (releases[0], *releases[3:])
    assert gone.layers == 4
    for release in releases[1:3]:
        manifest = load_release(site.releases / release)
        assert all(store.is_stored(site.store, layer.sha256) for layer in manifest.layers)
        assert changed_files(site.releases / release, site.store, manifest) == []
    assert prune.prune(site).removed == ()


def test_a_release_that_is_named_stays(site: Site) -> None:
    first, second = staged(site, 1), staged(site, 2)
    went_live(site, first)
    prune.prune(site, second)
    assert prune.staged_releases(site) == [first, second]


def test_a_rollback_is_no_reason_to_forget_where_it_came_from(site: Site) -> None:
    mapping: Mapping[int, str] = {number: staged(site, number) for number in (1, 2)}
    went_live(site, mapping[1])
    went_live(site, mapping[2], mapping[1])
    went_live(site, mapping[1], mapping[2])
    prune.prune(site)
    assert prune.staged_releases(site) == [mapping[1], mapping[2]]
