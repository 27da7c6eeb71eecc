"""Facts of a host, gathered from a site's folders."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from django_deploykit.runtime.base import deploy_lock
from django_deploykit.runtime.base.errors import DeployKitError
from django_deploykit.runtime.base.site import Site
from django_deploykit.runtime.deploy.facts import (
    base_layers,
    facts,
    lock_owner,
    prepare_local,
    validate_root,
)
from django_deploykit.runtime.storage import layers as store
from django_deploykit.runtime.wire.journal import JournalRecord, append
from tests.bundles import entries_of, make_layer, make_manifest

PROGRAM = ["false"]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(
        "shop",
        tmp_path / "srv",
        tmp_path / "etc",
        tmp_path / "var",
        supervisor="plain",
        listen=":0",
    )
    prepare_local(made, "[django]\nsecret_key = {generate}\n[database]\nurl =\n")
    return made


def test_a_bare_host_has_facts_too(tmp_path: Path) -> None:
    found = facts(tmp_path, "3.99", PROGRAM)
    assert (found.setup, found.python, found.layers) == (False, "", frozenset())
    assert found.hostname == os.uname().nodename
    assert found.clock > 0


def test_a_site_that_is_set_up_has_all_of_them(site: Site) -> None:
    found = facts(site.root, "3.99", PROGRAM)
    assert (found.setup, found.live, found.staged, found.switching) == (True, None, (), False)
    assert found.keys == ("[django] secret_key",)
    assert found.processes is None
    assert found.free > 0


def test_the_newest_release_that_was_live_counts_also_after_a_rollback(site: Site) -> None:
    old, new, newer = (f"2026110{day}T000000-aaaaaaa" for day in (1, 2, 3))
    assert facts(site.root, "", PROGRAM).newest == ""
    for action, release, result in (
        ("release", old, "live"),
        ("release", new, "live"),
        ("release", newer, "failed"),
        ("rollback", old, "live"),
    ):
        append(site.journal, JournalRecord(action, release, result))
    site.current.symlink_to(f"releases/{old}")
    assert facts(site.root, "", PROGRAM).newest == new


def test_the_configuration_is_read_for_a_bundle_only(site: Site) -> None:
    assert facts(site.root, "", PROGRAM).keys == ()


def test_a_lock_has_an_owner_while_it_is_held(site: Site) -> None:
    assert lock_owner(site) is None
    with deploy_lock.hold(site.root / "lock", deploy_lock.LockNote(owner="ann", what="a release")):
        found = lock_owner(site)
    assert found is not None
    assert (found.owner, found.what) == ("ann", "a release")
    assert found.time > 0


def test_a_change_can_start_from_layers_of_staged_releases(site: Site) -> None:
    trees = {"app": {"app/manage.py": b"one"}, "django": {"lib/django.py": b"django"}}
    app, django = (
        make_layer("app", "app", "", trees["app"]),
        make_layer("distribution", "django", "5", trees["django"]),
    )
    release = "20261101T000000-aaaaaaa"
    (site.releases / release).mkdir()
    manifest = make_manifest((app, django), release_id=release)
    (site.releases / release / "manifest.json").write_text(manifest.dumps())
    assert base_layers(site) == ()
    for layer, name in ((app, "app"), (django, "django")):
        entries = entries_of(trees[name])
        with store.incoming(site.store) as place:
            tree = place / "tree"
            tree.mkdir()
            store.write_files(tree, ((entry, trees[name][entry.path]) for entry in entries))
            store.add(site.store, layer.sha256, entries, tree)
    (found,) = base_layers(site)
    assert (found.kind, found.digest, found.release) == ("app", app.sha256, release)


def test_deltas_start_from_the_newest_layer_of_each_name(site: Site) -> None:
    def stage(day: int, *names: str) -> None:
        release = f"202611{day:02}T000000-aaaaaaa"
        made = [make_layer("app", name, "", {f"app/{name}": b"%d" % day}) for name in names]
        for layer in made:
            (site.store / f"{layer.sha256}.json").touch()
        (site.releases / release).mkdir()
        manifest = make_manifest(tuple(made), release_id=release)
        (site.releases / release / "manifest.json").write_text(manifest.dumps())

    for day in range(1, 10):
        stage(day, "app", "old" if day < 5 else "new")
    stage(10, "app")
    found = {one.name: one.release[:8] for one in base_layers(site)}
    assert found == {"app": "20261110", "new": "20261109"}


def test_preparing_writes_what_earlier_settings_did_not_declare(site: Site) -> None:
    site.ini.write_text("")  # by a release before the settings used Config
    prepare_local(site, "")
    assert prepare_local(site, "[other]\nx = 1\n") == ("[other] x",)


def test_preparing_again_keeps_the_configuration(site: Site) -> None:
    before = site.ini.read_text()
    assert "{generate}" not in before
    assert prepare_local(site, "[other]\nx = 1\n") == ("[django] secret_key",)
    assert site.ini.read_text() == before


def test_a_folder_that_cannot_be_written_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    validate_root(tmp_path)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(DeployKitError, match=f"this user cannot write to {tmp_path}"):
        validate_root(tmp_path)
