"""A release is built from the store, or says which layers it lacks."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.runtime.base.errors import Problems
from django_deploykit.runtime.base.site import Site
from django_deploykit.runtime.bundle.reader import BundleFile
from django_deploykit.runtime.deploy.staging import stage_release, validate_files
from django_deploykit.runtime.deploy.switch import point
from django_deploykit.runtime.storage import layers as store
from django_deploykit.runtime.storage.virtualenv import load_release
from django_deploykit.runtime.wire.events import Activity, Event, HostWarning
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


def edit(site: Site, text: bytes) -> Path:
    """Edit a file of the staged release, which is another file then."""
    file = site.releases / MANIFEST.release_id / "app/manage.py"
    file.parent.chmod(0o755)
    file.unlink()
    file.write_bytes(text)
    return file


def test_files_of_a_release_that_were_edited_are_replaced(
    site: Site, events: list[Event], tmp_path: Path
) -> None:
    fill(site, tmp_path)
    stage_release(site, MANIFEST, events.append)
    file = edit(site, b"print('quick fix')\n")
    assert stage_release(site, MANIFEST, events.append) == StageResult(MANIFEST.release_id)
    assert file.read_bytes() == TREE["app/manage.py"]


def test_files_of_the_live_release_stay_as_they_are(
    site: Site, events: list[Event], tmp_path: Path
) -> None:
    fill(site, tmp_path)
    stage_release(site, MANIFEST, events.append)
    point(site, MANIFEST.release_id)
    file = edit(site, b"print('quick fix')\n")
    assert stage_release(site, MANIFEST, events.append) == StageResult(MANIFEST.release_id)
    assert file.read_bytes() == b"print('quick fix')\n"


@pytest.mark.parametrize("shared", [True, False], ids=["with the store", "of its own"])
def test_changed_files_are_found_before_a_rollback(
    site: Site, events: list[Event], tmp_path: Path, shared: bool
) -> None:
    fill(site, tmp_path)
    stage_release(site, MANIFEST, events.append)
    validate_files(site, MANIFEST, events.append)
    if shared:
        file = site.releases / MANIFEST.release_id / "app/manage.py"
        file.chmod(0o644)
        with file.open("r+b") as stream:
            stream.write(b"PRINT")
    else:
        edit(site, b"print('quick fix')\n")
    with pytest.raises(Problems) as caught:
        validate_files(site, MANIFEST, events.append)
    assert caught.value.problems == ("app/manage.py",)
    assert "nothing was switched" in caught.value.message
    assert MANIFEST.commit[:12] in caught.value.hint
    assert events == []


def test_files_that_cannot_be_verified_are_named(
    site: Site, events: list[Event], tmp_path: Path
) -> None:
    fill(site, tmp_path)
    stage_release(site, MANIFEST, events.append)
    store.remove(site.store, LAYER.sha256)
    validate_files(site, MANIFEST, events.append)
    (warning,) = events
    assert isinstance(warning, HostWarning)
    assert "the files of app in" in warning.text
