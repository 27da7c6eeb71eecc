"""A release is built from the store, or says which layers it lacks."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from django_deploykit.runtime.base.errors import DeployKitError, Problems
from django_deploykit.runtime.base.site import Site
from django_deploykit.runtime.bundle.manifest import Manifest
from django_deploykit.runtime.bundle.reader import BundleFile
from django_deploykit.runtime.deploy.staging import is_untouched, stage_release, validate_files
from django_deploykit.runtime.deploy.switch import point
from django_deploykit.runtime.storage import layers as store
from django_deploykit.runtime.storage import prune
from django_deploykit.runtime.storage.hashed import link_hashed_of_others
from django_deploykit.runtime.storage.shared import changed_files
from django_deploykit.runtime.storage.virtualenv import load_release
from django_deploykit.runtime.wire.events import Activity, Event, HostWarning
from django_deploykit.runtime.wire.releasing import StageResult
from tests.bundles import Tree, make_layer, make_manifest, write_bundle

TREE = {"app/manage.py": b"print('shop')\n"}
LAYER = make_layer("app", "app", "", TREE)
MANIFEST = make_manifest((LAYER,))
STATIC: Tree = {"app/static/a.css": b"a {}", "app/static/base.0123456789ab.css": b"b {}"}
NEWER: Tree = {"app/static/a.css": b"a {}", "app/static/base.ba9876543210.css": b"c {}"}


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


@pytest.mark.parametrize("text", [b"", b"\0" * 40, b"\xff", b"[]"])
@pytest.mark.parametrize("verified", [True, False])
def test_layers_whose_list_was_lost_with_the_power_are_asked_for_again(
    text: bytes, verified: bool, site: Site, events: list[Event], tmp_path: Path
) -> None:
    fill(site, tmp_path)
    if verified:
        assert not store.is_damaged(site.store, LAYER.sha256)
    (site.store / f"{LAYER.sha256}.json").write_bytes(text)
    assert stage_release(site, MANIFEST, events.append) == StageResult(again=(LAYER.sha256,))
    assert not store.is_stored(site.store, LAYER.sha256)
    fill(site, tmp_path)
    assert stage_release(site, MANIFEST, events.append) == StageResult(MANIFEST.release_id)


def test_a_release_whose_manifest_was_lost_with_the_power_is_built_again(
    site: Site, events: list[Event], tmp_path: Path
) -> None:
    fill(site, tmp_path)
    stage_release(site, MANIFEST, events.append)
    path = site.releases / MANIFEST.release_id / "manifest.json"
    path.chmod(0o644)
    path.write_text("")
    with pytest.raises(DeployKitError, match=f"{path}: the manifest is not JSON"):
        load_release(path.parent)
    assert stage_release(site, MANIFEST, events.append) == StageResult(MANIFEST.release_id)
    assert load_release(path.parent) == MANIFEST


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
    assert events == []  # untouched since they were verified
    os.utime(site.releases / MANIFEST.release_id / "app/manage.py", (1, 1))
    validate_files(site, MANIFEST, events.append)
    (warning,) = events
    assert isinstance(warning, HostWarning)
    assert "the files of app in" in warning.text


def stage_site(
    site: Site, folder: Path, number: int, view: bytes, static: Tree
) -> tuple[Path, Manifest]:
    """Stage a release of a view and static files; returns its folder and its manifest."""
    app: Tree = {"app/view.py": view}
    layers = (make_layer("app", "app", "", app), make_layer("static", "static", "", static))
    release = f"2026110{number}T000000-aaaaaa{number}"
    manifest = make_manifest(layers, release_id=release, static_root="app/static")
    path = write_bundle(folder / f"{release}.pyz", manifest, {"app": app, "static": static})
    store.extract_all(path, site.store, layers, lambda: None)
    assert stage_release(site, manifest, lambda _: None) == StageResult(release)
    return site.releases / release, manifest


def test_releases_with_the_same_static_files_share_their_folder(site: Site, tmp_path: Path) -> None:
    first, _ = stage_site(site, tmp_path, 1, b"one", STATIC)
    second, _ = stage_site(site, tmp_path, 2, b"two", STATIC)
    assert os.readlink(first / "app/static") == os.readlink(second / "app/static")
    assert not os.path.isabs(os.readlink(first / "app/static"))
    assert {path.name for path in (second / "app/static").iterdir()} == {
        "a.css",
        "base.0123456789ab.css",
    }
    assert (second / "app/static/a.css").samefile(first / "app/static/a.css")
    assert (second / "app/static").stat().st_mode & 0o777 == 0o755
    assert (site.root / "shared").stat().st_mode & 0o777 == 0o755
    assert not (second / "app/view.py").samefile(first / "app/view.py")


def test_a_release_has_hashed_static_files_of_others(site: Site, tmp_path: Path) -> None:
    first, manifest = stage_site(site, tmp_path, 1, b"one", STATIC)
    second, _ = stage_site(site, tmp_path, 2, b"two", NEWER)
    names = {path.name for path in (second / "app/static").iterdir()}
    assert names == {"a.css", "base.0123456789ab.css", "base.ba9876543210.css"}
    assert len(os.listdir(first / "app/static")) == 2
    link_hashed_of_others(site.releases, first.name, manifest)
    assert len(os.listdir(first / "app/static")) == 3
    assert is_untouched(site, manifest)


@pytest.mark.parametrize("path", ["app/view.py", "app/static/a.css"])
def test_a_changed_file_is_found_wherever_it_is(
    site: Site, events: list[Event], tmp_path: Path, path: str
) -> None:
    release, manifest = stage_site(site, tmp_path, 1, b"one", STATIC)
    status = (release / path).stat()
    with (release / path).open("r+b") as stream:
        stream.write(b"O")
    assert (release / path).stat().st_size == status.st_size
    assert not is_untouched(site, manifest)
    with pytest.raises(Problems) as caught:
        validate_files(site, manifest, events.append)
    assert caught.value.problems == (path,)


def test_a_changed_shared_folder_is_replaced_for_new_releases_alone(
    site: Site, tmp_path: Path
) -> None:
    first, old = stage_site(site, tmp_path, 1, b"one", STATIC)
    os.remove(first / "app/static/a.css")
    (first / "app/static/a.css").write_bytes(b"hand")
    second, manifest = stage_site(site, tmp_path, 2, b"two", STATIC)
    assert (first / "app/static/a.css").read_bytes() == b"hand"
    assert (second / "app/static/a.css").read_bytes() == b"a {}"
    assert is_untouched(site, manifest)
    assert changed_files(first, site.store, old) == ["app/static/a.css"]
    assert changed_files(second, site.store, manifest) == []


def test_a_link_that_leads_elsewhere_is_a_change(
    site: Site, events: list[Event], tmp_path: Path
) -> None:
    release, manifest = stage_site(site, tmp_path, 1, b"one", STATIC)
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(release / "app/static", elsewhere)
    (release / "app/static").unlink()
    (release / "app/static").symlink_to(elsewhere)
    with pytest.raises(Problems) as caught:
        validate_files(site, manifest, events.append)
    assert caught.value.problems == tuple(sorted(STATIC))


def test_a_layer_that_is_damaged_in_the_store_is_sent_again_though_a_folder_shares_it(
    site: Site, events: list[Event], tmp_path: Path
) -> None:
    release, manifest = stage_site(site, tmp_path, 1, b"one", STATIC)
    digest = manifest.layers[1].sha256
    with (site.store / digest / "app/static/a.css").open("r+b") as stream:
        stream.write(b"O")  # the same file as in the release
    shutil.rmtree(release)
    assert stage_release(site, manifest, events.append) == StageResult(again=(digest,))
    assert [path.name for path in site.releases.iterdir()] == []
    assert len(list((site.root / "shared").glob(".*"))) == 0


def test_static_files_outside_of_their_folder_are_refused(site: Site, tmp_path: Path) -> None:
    with pytest.raises(DeployKitError, match=r"contains app/other\.css, which is not below"):
        stage_site(site, tmp_path, 1, b"one", {**STATIC, "app/other.css": b"x"})
    assert list(site.releases.iterdir()) == []


def test_another_layer_cannot_put_files_into_a_shared_folder(site: Site, tmp_path: Path) -> None:
    app: Tree = {"app/static/a.css": b"hostile"}
    layers = (make_layer("app", "app", "", app), make_layer("static", "static", "", STATIC))
    manifest = make_manifest(layers, static_root="app/static")
    path = write_bundle(tmp_path / "x.pyz", manifest, {"app": app, "static": STATIC})
    store.extract_all(path, site.store, layers, lambda: None)
    with pytest.raises(DeployKitError, match="two layers contain app/static"):
        stage_release(site, manifest, lambda _: None)
    assert list(site.releases.iterdir()) == []
    assert list((site.root / "shared").iterdir()) == []


@pytest.mark.parametrize("code", [False, True])
def test_a_large_static_folder_of_the_app_is_shared_unless_it_has_code(
    site: Site, tmp_path: Path, code: bool
) -> None:
    module: Tree = {"app/shop/static/__init__.py": b""} if code else {}
    folder: Tree = {"app/shop/static/a.svg": b"<svg/>", **module}
    app: Tree = {"app/shop/view.py": b"one"}
    layers = (make_layer("app", "app", "", app), make_layer("app", "app/shop/static/", "", folder))
    manifest = make_manifest(layers)
    trees = {"app": app, "app/shop/static/": folder}
    path = write_bundle(tmp_path / "x.pyz", manifest, trees)
    store.extract_all(path, site.store, layers, lambda: None)
    stage_release(site, manifest, lambda _: None)
    release = site.releases / manifest.release_id
    assert (release / "app/shop/static").is_symlink() != code
    assert (release / "app/shop/static/a.svg").read_bytes() == b"<svg/>"
    assert is_untouched(site, manifest)
    (release / "app/shop/static/a.svg").write_bytes(b"<gvs/>")
    assert changed_files(release, site.store, manifest) == ["app/shop/static/a.svg"]


def test_shared_folders_leave_with_their_last_release(site: Site, tmp_path: Path) -> None:
    first, _ = stage_site(site, tmp_path, 1, b"one", STATIC)
    second, _ = stage_site(site, tmp_path, 2, b"two", STATIC)
    third, _ = stage_site(site, tmp_path, 3, b"three", NEWER)
    held = [os.path.realpath(one / "app/static") for one in (first, third)]
    prune.sweep_shared(site, [second.name, third.name])
    assert all(map(os.path.isdir, held))
    prune.sweep_shared(site, [third.name])
    assert list(map(os.path.isdir, held)) == [False, True]
    prune.sweep_leftovers(site)
    left = [path.name.partition(".")[0] for path in (site.root / "shared").iterdir()]
    assert set(left) == {held[1].split("/shared/")[1].partition("/")[0]}


def test_a_release_whose_manifest_is_damaged_keeps_its_shared_folders(
    site: Site, tmp_path: Path
) -> None:
    first, _ = stage_site(site, tmp_path, 1, b"one", STATIC)
    (first / "manifest.json").write_text("{")
    prune.sweep_shared(site, [first.name])
    assert (first / "app/static/a.css").exists()


def test_a_release_with_a_folder_of_its_own_is_verified_as_before(
    site: Site, events: list[Event], tmp_path: Path
) -> None:
    """As a version before shared folders staged it."""
    release, manifest = stage_site(site, tmp_path, 1, b"one", STATIC)
    folder = os.path.realpath(release / "app/static")
    (release / "app/static").unlink()
    os.rename(folder, release / "app/static")
    shutil.rmtree(site.root / "shared")
    shutil.rmtree(site.root / "checked")
    validate_files(site, manifest, events.append)
    stage_site(site, tmp_path, 2, b"two", NEWER)
    link_hashed_of_others(site.releases, release.name, manifest)
    assert len(os.listdir(release / "app/static")) == 3
    (release / "app/static/a.css").unlink()
    with pytest.raises(Problems):
        validate_files(site, manifest, events.append)
