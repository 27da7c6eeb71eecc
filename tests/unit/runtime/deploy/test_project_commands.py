"""What is asked of releases without running them: whether two have the same migrations."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.runtime.base.site import Site
from django_deploykit.runtime.deploy.project_commands import kin
from django_deploykit.runtime.storage import layers as store
from django_deploykit.runtime.wire.reports import KinResult
from tests.bundles import Tree, entries_of, make_layer, make_manifest

LIVE, OTHER = "20261101T000000-aaaaaaa", "20261102T000000-bbbbbbb"
SHARED: Tree = {"lib/auth/migrations/0001_initial.py": b"auth", "lib/auth/models.py": b"models"}
FIRST: Tree = {"app/shop/migrations/0001_initial.py": b"one", "app/shop/views.py": b"views"}


def put(site: Site, release: str, app: Tree) -> None:
    """Write a release's manifest, and the lists of its layers into the store."""
    layers = []
    for kind, tree in (("distribution", SHARED), ("app", app)):
        layer = make_layer(kind, kind, "1", tree)
        layers.append(layer)
        site.store.mkdir(parents=True, exist_ok=True)
        place = site.store / "place"
        place.mkdir()
        store.add(site.store, layer.sha256, entries_of(tree), place)
    folder = site.releases / release
    folder.mkdir(parents=True)
    manifest = make_manifest(tuple(layers), release_id=release)
    (folder / "manifest.json").write_text(manifest.dumps())


@pytest.mark.parametrize(
    ("app", "same"),
    [
        (FIRST, True),
        ({**FIRST, "app/shop/views.py": b"other views"}, True),
        ({**FIRST, "app/shop/migrations/0002_more.py": b"two"}, False),
        ({**FIRST, "app/shop/migrations/0001_initial.py": b"another"}, False),
        ({"app/shop/views.py": b"views"}, False),
    ],
    ids=["the same", "other code", "one more", "another", "one less"],
)
def test_releases_are_kin_where_their_migrations_are_the_same(
    tmp_path: Path, app: Tree, same: bool
) -> None:
    site = Site("shop", tmp_path / "srv", tmp_path / "etc", tmp_path / "var", supervisor="plain")
    put(site, LIVE, FIRST)
    put(site, OTHER, app)
    for live, other in ((LIVE, OTHER), (OTHER, LIVE)):
        assert kin(site, live, other) == KinResult(same, live)


def test_a_live_release_without_its_manifest_is_kin_of_none(tmp_path: Path) -> None:
    site = Site("shop", tmp_path / "srv", tmp_path / "etc", tmp_path / "var", supervisor="plain")
    put(site, LIVE, FIRST)
    put(site, OTHER, FIRST)
    (site.releases / LIVE / "manifest.json").unlink()
    assert kin(site, LIVE, OTHER) == KinResult(same=False, live=LIVE)
