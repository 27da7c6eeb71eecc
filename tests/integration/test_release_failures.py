"""Releases to ``local`` that cannot be: the old one serves on, and the message says why."""

from __future__ import annotations

import errno
import re
import shutil
import socket
from pathlib import Path

import pytest

from django_deploykit.runtime.bundle.reader import BundleFile
from tests.bundles import make_layer, make_manifest, release_id, write_bundle
from tests.disks import small_disk
from tests.integration.shop_states import rewrite
from tests.integration.sites import Shop


def test_a_sick_release_is_refused_before_any_visitor_meets_it(live_shop: Shop) -> None:
    shop, first = live_shop, live_shop.live
    with shop.load(path="/up") as visitors, shop.load(path="/up", per_connection=1) as others:
        done = shop.release_sick("500")
    assert done.code == 1, done.err
    assert "nothing was switched; deploy_check refuses the release" in done.err
    assert "deploykit.E814" in done.err
    assert "GET /up answered 500" in done.err
    assert visitors.failed + others.failed == []
    assert visitors.bodies | others.bodies == {b"up\n"}
    assert visitors.sent > 50
    assert shop.live == first
    assert [one["result"] for one in shop.records()] == ["done", "live", "failed"]


@pytest.mark.parametrize(
    ("how", "why", "last"),
    [
        ("500 when served", "GET /up answered 500", "the till is jammed"),
        ("import", "web of", "RuntimeError: the key to the shop is lost"),
        ("hang", "GET /up got no response", "Listening at"),
    ],
)
def test_a_release_that_is_sick_only_when_served_is_taken_back(
    live_shop: Shop, how: str, why: str, last: str
) -> None:
    shop, first = live_shop, live_shop.live
    shop.configure(boot="60s" if how != "hang" else "6s")
    with shop.load(path="/") as visitors:
        done = shop.release_sick(how)
    assert done.code == 4, done.err
    assert why in done.err
    assert last in done.err
    assert f"{first} serves as before" in done.err
    assert (visitors.failed, shop.live) == ([], first)
    assert "Welcome to the shop" in shop.get()
    assert shop.records()[-1]["result"] == "failed"
    status = shop.run("status").out
    assert f"web of {first} runs" in status
    assert "does not run" not in status


def test_a_first_release_that_fails_leaves_nothing_running_and_nobody_listening(shop: Shop) -> None:
    done = shop.release_sick("500 when served")
    assert done.code == 4
    assert "nothing was live before" in done.err
    assert not shop.live
    with socket.socket() as sock:
        assert sock.connect_ex(("127.0.0.1", shop.port)) == errno.ECONNREFUSED
    assert shop.run("stop").out.strip() == "nothing was running"


def test_a_taken_port_is_named(shop: Shop) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", shop.port))
        sock.listen()
        done = shop.release("first")
    assert done.code == 4
    assert f"127.0.0.1:{shop.port} is in use by another program" in done.err
    assert "`listen`" in done.err
    assert not shop.live
    done = shop.release("first")
    assert done.code == 0, done.err


def test_a_database_that_is_away_stops_it_before_anything_is_switched(live_shop: Shop) -> None:
    shop, first = live_shop, live_shop.live
    configuration = shop.project / ".deploykit/local/etc/shop.ini"
    shop.wait_for_workers()
    with configuration.open("a", encoding="utf-8") as file:
        file.write("\n[database]\nurl = sqlite:////nowhere/at/all/shop.sqlite3\n")
    done = shop.release("second")
    assert done.code == 1
    assert "unable to open database file" in done.err
    assert "Traceback" not in done.err
    assert shop.live == first
    assert "Welcome to the shop" in shop.get()


def test_a_bundle_for_another_python_or_platform_is_refused(shop: Shop, tmp_path: Path) -> None:
    layer = make_layer("app", "app", "", {"app/manage.py": b""})
    for change, words in (
        ({"python": "3.99"}, "no Python 3.99"),
        ({"platform": "linux-vax"}, "the bundle is for linux-vax"),
    ):
        manifest = make_manifest((layer,), **change)
        path = write_bundle(tmp_path / "other.pyz", manifest, {"app": {"app/manage.py": b""}})
        done = shop.run("--bundle", str(path), "--noinput")
        assert done.code == 1
        assert words in done.err
        assert not shop.root.exists()


def test_damaged_bundles_are_refused_before_anything_is_sent(shop: Shop, tmp_path: Path) -> None:
    data = shop.workshop.bundle("first").read_bytes()
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 1
    for bad in (data[: len(data) // 2], bytes(flipped), data[:100], b"no bundle"):
        path = tmp_path / "bad.pyz"
        path.write_bytes(bad)
        done = shop.run("--bundle", str(path), "--noinput")
        assert done.code == 1
        assert str(path) in done.err
        assert "Traceback" not in done.err
        assert not shop.root.exists()


def test_a_damaged_layer_in_the_store_is_sent_again(live_shop: Shop) -> None:
    shop = live_shop
    with BundleFile(shop.workshop.bundle("second")) as bundle:
        layer = next(one for one in bundle.manifest.layers if one.name == "django")
        entry = bundle.entries(layer.sha256)[10]
    path = shop.root / "store" / layer.sha256 / entry.path
    data = bytearray(path.read_bytes() or b"?")
    path.unlink()
    data[-1] ^= 1
    path.write_bytes(data)
    done = shop.release("second", "--json")
    assert done.code == 0, done.err
    assert done.data["bytes"]["local"] > 1 << 20
    with BundleFile(shop.workshop.bundle("second")) as bundle:
        good = dict(bundle.files(layer.sha256))[entry]
    assert (shop.root / "current" / entry.path).read_bytes() == good
    assert path.read_bytes() == good


def test_a_full_disk_is_said_and_a_release_completes_once_there_is_room(shop: Shop) -> None:
    with small_disk(shop.project / ".deploykit" / "local") as disk:
        filler = disk / "filler"
        filler.write_bytes(b"\0" * (100 << 20))
        planned = shop.release("first")
        assert planned.code == 1
        assert re.search(r"its disk has \d+ MiB left and \d+ MiB are needed", planned.err)
        assert not shop.live
        filler.unlink()
        done = shop.release("first")
        assert done.code == 0, done.err
        assert shop.live == release_id(shop.workshop.bundle("first"))
        assert shop.run("stop").code == 0  # before its disk goes


def test_a_disk_that_fills_up_while_files_arrive_leaves_the_old_release_serving(
    live_shop: Shop,
) -> None:
    """Only the store is on the small disk: no plan can foresee what others write meanwhile."""
    shop, first = live_shop, live_shop.live
    with small_disk(shop.root / "store") as disk:  # it hides the folder below
        (disk / "filler").write_bytes(b"\0" * (145 << 20))
        done = shop.release("second")
        assert done.code == 1
        assert "cannot receive files: No space left on device" in done.err
        assert "Traceback" not in done.err
        assert shop.live == first
        assert shop.answers()
    again = shop.release("second")
    assert again.code == 0, again.err


def test_a_disk_that_is_full_when_the_release_is_built_leaves_the_old_one_serving(
    live_shop: Shop, tmp_path: Path
) -> None:
    """Only the folder of releases is on the small disk: files are copied there, not linked."""
    shop, first = live_shop, live_shop.live
    kept = tmp_path / "kept"
    shutil.copytree(shop.root / "releases" / first, kept, symlinks=True)
    with small_disk(shop.root / "releases") as disk:  # it hides the folder below
        shutil.copytree(kept, disk / first, symlinks=True)
        free = shutil.disk_usage(disk).free
        (disk / "filler").write_bytes(b"\0" * (free - (1 << 20)))
        done = shop.release("second")
        assert done.code == 1
        assert "No space left on device" in done.err
        assert "Traceback" not in done.err
        assert shop.live == first
        assert shop.answers()
        assert sorted(path.name for path in disk.iterdir()) == [first, "filler"]
        (disk / "filler").unlink()
        again = shop.release("second")
        assert again.code == 0, again.err


def test_an_unknown_option_in_the_configuration_is_named(shop: Shop) -> None:
    rewrite(shop.project / "deploykit.ini", "health", "helth")
    done = shop.release("first")
    assert done.code == 1
    assert re.search(r"deploykit.ini:\d+: \[environment:local\] has no option helth", done.err)
