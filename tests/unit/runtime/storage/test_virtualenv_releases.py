"""Releases that are staged from the store."""

from __future__ import annotations

import subprocess

from django_deploykit.runtime.base.site import Site
from django_deploykit.runtime.storage.shared import changed_files
from django_deploykit.runtime.storage.virtualenv import load_release, stage
from tests.bundles import make_layer
from tests.unit.runtime.storage.sending import APP, site, staged

__all__ = ["site"]


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
