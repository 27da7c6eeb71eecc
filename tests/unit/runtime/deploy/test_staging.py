"""A release is built from the store, or says which layers it lacks."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.runtime.base.site import Site
from django_deploykit.runtime.bundle.reader import BundleFile
from django_deploykit.runtime.deploy.staging import stage_release
from django_deploykit.runtime.storage import layers as store
from django_deploykit.runtime.storage.virtualenv import load_release
from django_deploykit.runtime.wire.events import Activity, Event
from django_deploykit.runtime.wire.releasing import StageResult
from tests.bundles import make_layer, make_manifest, write_bundle

TREE = {"app/manage.py": b"print('shop')\n"}
LAYER = make_layer("app", "app", "", TREE)
MANIFEST = make_manifest((LAYER,))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site("shop", tmp_path / "srv", tmp_path / "etc", tmp_path / "var", supervisor="plain")
    for folder in (made.releases, made.store):
        folder.mkdir(parents=True)
    return made


@pytest.fixture
def events() -> list[Event]:
    return []


def fill(site: Site, folder: Path) -> None:
    path = write_bundle(folder / "shop.pyz", MANIFEST, {"app": TREE})
    with BundleFile(path) as bundle:
        layers = bundle.manifest.layers
    store.extract_all(path, site.store, layers, lambda: None)


def test_a_release_appears_once_its_layers_are_there(
    site: Site, events: list[Event], tmp_path: Path
) -> None:
    fill(site, tmp_path)
    assert stage_release(site, MANIFEST, events.append) == StageResult(MANIFEST.release_id)
    assert load_release(site.releases / MANIFEST.release_id) == MANIFEST
    assert events == []


def test_missing_layers_are_named(site: Site, events: list[Event]) -> None:
    assert stage_release(site, MANIFEST, events.append) == StageResult(again=(LAYER.sha256,))
    assert list(site.releases.iterdir()) == []


def test_damaged_layers_are_named_and_leave_the_store(
    site: Site, events: list[Event], tmp_path: Path
) -> None:
    fill(site, tmp_path)
    file = site.store / LAYER.sha256 / "app/manage.py"
    file.chmod(0o644)
    file.write_bytes(b"print('shap')\n")
    assert stage_release(site, MANIFEST, events.append) == StageResult(again=(LAYER.sha256,))
    assert events == [Activity("damaged", LAYER.sha256)]
    assert not (site.releases / MANIFEST.release_id).exists()
    assert not (site.store / LAYER.sha256).exists()
