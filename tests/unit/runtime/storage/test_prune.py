"""What processes that died left behind: it goes, and counts as room that there will be."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from django_deploykit.release.runtime_archive import RuntimeArchive
from django_deploykit.runtime.base.files import temporary_path
from django_deploykit.runtime.base.site import Site
from django_deploykit.runtime.storage import prune
from django_deploykit.runtime.storage.layers import stored_digests
from tests.waiting import until

PART = ".part-" + "a" * 64


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site where processes died at every place that writes under another name first."""
    made = Site("shop", tmp_path / "srv", tmp_path / "etc", tmp_path / "var", supervisor="plain")
    for folder in (
        "releases/.staging-x/lib",
        "releases/.gone-x",
        "store/.incoming-x/tree/lib",
        "store/.damaged-x",
        "inbox",
    ):
        (made.root / folder).mkdir(parents=True)
    (made.root / "checked").mkdir()
    for name in ("current", "enabled", "site.json", "checked/x.json"):
        temporary_path(made.root / name).symlink_to("releases/nowhere")
    (made.releases / ".staging-x" / "lib64").symlink_to("lib")
    for name in ("inbox/.x.json.12", "store/.aaa.12.json", f"store/{PART}"):
        (made.root / name).write_bytes(b"x" * 10)
    (made.store / ".incoming-x/tree/lib/big").write_bytes(b"x" * 1_000_000)
    return made


def left(site: Site) -> list[str]:
    return sorted(path.name for path in prune.leftovers(site))


def test_what_was_left_goes_and_what_came_in_part_stays(site: Site) -> None:
    assert len(left(site)) == 10
    prune.sweep_leftovers(site)
    assert left(site) == []
    assert [path.name for path in site.store.iterdir()] == [PART]
    assert list(site.releases.iterdir()) == []


def test_what_was_left_counts_as_room(site: Site) -> None:
    assert 1_000_000 <= prune.reclaimable(site) < 1_200_000
    (site.store / "linked").hardlink_to(site.store / ".incoming-x/tree/lib/big")
    assert prune.reclaimable(site) < 200_000  # removing one of two names frees nothing


def test_what_another_release_removes_meanwhile_is_no_room(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.scandir

    def vanishing(path: str) -> object:
        if str(path).endswith("lib"):
            raise FileNotFoundError(2, "No such file or directory", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", vanishing)
    assert prune.reclaimable(site) < 200_000


def test_a_release_that_is_live_leaves_nothing_in_part(site: Site) -> None:
    (site.root / "inbox" / "20260101T000000-abc1234.json").write_text("{}")
    prune.prune(site)
    assert list(site.store.iterdir()) == []
    assert not (site.root / "inbox").exists()
    assert stored_digests(site.store) == []


def test_traces_go_with_their_releases_alone(site: Site) -> None:
    kept, gone = "20261101T000000-aaaaaaa", "20261102T000000-bbbbbbb"
    for folder in ("log", "checked"):
        (site.root / folder).mkdir(exist_ok=True)
    for release in (kept, gone):
        for name in (f"log/web-{release}.log", f"log/my-queue-{release}.log.1"):
            (site.root / name).write_text("")
        (site.root / "checked" / f"{release}.json").write_text("{}")
    (site.root / "log" / "keeper.log").write_text("")
    prune.sweep_traces(site, [kept])
    assert sorted(path.name for path in (site.root / "log").iterdir()) == [
        "keeper.log",
        f"my-queue-{kept}.log.1",
        f"web-{kept}.log",
    ]
    assert [path.name for path in (site.root / "checked").glob("2*")] == [f"{kept}.json"]


def test_archives_of_the_runtime_go_when_nobody_used_them_for_long(tmp_path: Path) -> None:
    day = 24 * 3600
    ages = {"a": 0, "b": 2 * day, "c": 3 * day, "d": 4 * day, "e": 5 * day}
    for name, age in ages.items():
        path = tmp_path / f"{name}.pyz"
        path.touch()
        os.utime(path, (time.time() - age,) * 2)
    prune.sweep_runtimes(list(tmp_path.iterdir()))
    assert sorted(path.stem for path in tmp_path.iterdir()) == ["a", "b", "c"]
    for path in tmp_path.iterdir():
        path.touch()
    (tmp_path / "f.pyz").touch()
    prune.sweep_runtimes(list(tmp_path.iterdir()))  # more than a few, but all of today
    assert len(list(tmp_path.iterdir())) == 4


def test_using_an_archive_keeps_it(tmp_path: Path) -> None:
    archive = RuntimeArchive({"__main__.py": b""})
    path = archive.write(tmp_path / "runtime")
    os.utime(path, (0, 0))
    assert archive.write(tmp_path / "runtime") == path
    assert time.time() - path.stat().st_mtime < 600


def test_failed_attempts_never_push_out_good_releases() -> None:
    order = ["a", "b", "c"]
    staged = ["a", "b", "c", "x", "y", "z"]
    assert prune.releases_to_keep(order, staged, ["c", "b"], 2) == ["b", "c"]
    assert prune.releases_to_keep(order, staged, ["c", "b"], 1) == ["b", "c"]
    assert prune.releases_to_keep([], staged, ["x"], 5) == ["x"]


def test_removes_what_is_out_of_its_place_while_nobody_waits(tmp_path: Path) -> None:
    (tmp_path / "gone" / "lib").mkdir(parents=True)
    (tmp_path / "gone" / "lib" / "file").write_text("x")
    (tmp_path / "link").symlink_to("gone")
    prune.remove_in_background([tmp_path / "gone", tmp_path / "link", tmp_path / "nowhere"])
    until(lambda: list(tmp_path.iterdir()) == [])


def test_the_verb_waits_for_nothing_that_is_out_of_its_place(site: Site) -> None:
    given: list[Path] = []
    before = left(site)
    prune.prune(site, None, given.extend)
    assert sorted(path.name for path in given) == before


@pytest.mark.parametrize("kind", ["folder", "pipe", "link", "missing"])
def test_an_inbox_of_any_kind_is_removed(tmp_path: Path, kind: str) -> None:
    inbox, other = tmp_path / "inbox", tmp_path / "other"
    other.mkdir()
    (other / "kept").touch()
    if kind == "folder":
        inbox.mkdir()
        (inbox / "file").touch()
    elif kind == "pipe":
        os.mkfifo(inbox)
    elif kind == "link":
        inbox.symlink_to(other)
    prune.remove_inbox(inbox)
    assert not os.path.lexists(inbox)
    assert os.listdir(other) == ["kept"]
