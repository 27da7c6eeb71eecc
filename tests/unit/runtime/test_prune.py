"""What processes that died left behind: it goes, and counts as room that there will be."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.runtime import prune
from django_deploykit.runtime.site import Site
from django_deploykit.runtime.store import present

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
    (made.root / ".current-12").symlink_to("releases/nowhere")
    (made.releases / ".staging-x" / "lib64").symlink_to("lib")
    for name in ("inbox/.x.json.12", "store/.aaa.12.json", f"store/{PART}"):
        (made.root / name).write_bytes(b"x" * 10)
    (made.store / ".incoming-x/tree/lib/big").write_bytes(b"x" * 1_000_000)
    return made


def left(site: Site) -> list[str]:
    return sorted(path.name for path in prune.unfinished(site))


def test_what_was_left_goes_and_what_came_in_part_stays(site: Site) -> None:
    assert len(left(site)) == 7
    prune.sweep_unfinished(site)
    assert left(site) == []
    assert [path.name for path in site.store.iterdir()] == [PART]
    assert list(site.releases.iterdir()) == []


def test_what_was_left_counts_as_room(site: Site) -> None:
    assert 1_000_000 <= prune.reclaimable(site) < 1_200_000
    (site.store / "linked").hardlink_to(site.store / ".incoming-x/tree/lib/big")
    assert prune.reclaimable(site) < 200_000  # removing one of two names frees nothing


def test_a_release_that_is_live_leaves_nothing_in_part(site: Site) -> None:
    (site.root / "inbox" / "20260101T000000-abc1234.json").write_text("{}")
    prune.prune(site)
    assert list(site.store.iterdir()) == []
    assert not (site.root / "inbox").exists()
    assert present(site.store) == []
