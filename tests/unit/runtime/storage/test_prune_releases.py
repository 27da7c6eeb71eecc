"""Which of the staged releases stay."""

from __future__ import annotations

from collections.abc import Mapping

from django_deploykit.runtime.base.site import Site
from django_deploykit.runtime.deploy import switch
from django_deploykit.runtime.storage import layers as store
from django_deploykit.runtime.storage import prune
from django_deploykit.runtime.storage.shared import changed_files
from django_deploykit.runtime.storage.virtualenv import load_release
from django_deploykit.runtime.wire.journal import JournalRecord, append
from tests.unit.runtime.storage.sending import site, staged

__all__ = ["site"]


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
