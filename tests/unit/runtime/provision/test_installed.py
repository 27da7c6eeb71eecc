"""What is found of a site before it is removed."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.runtime.base.errors import DeployKitError
from django_deploykit.runtime.provision.installed import (
    _looks_like_a_site,
    _site_folder,
    _websites,
    look_for,
    mount_points,
    owner_name,
)
from django_deploykit.runtime.provision.removal import Installed, Website
from django_deploykit.runtime.webservers import WEBSERVERS
from django_deploykit.runtime.webservers.base import Website as Described


def test_nothing_is_found_of_a_site_that_never_was() -> None:
    app = "no-such-shop"
    assert look_for(app, Path("/srv", app), {}) == Installed(app, {})


@pytest.mark.parametrize("root", ["/etc/shop", "/home/ann", "/", "/srv", "/usr/lib", "/srv/../etc"])
def test_a_folder_of_the_system_is_no_sites(root: str) -> None:
    with pytest.raises(DeployKitError, match="cannot be the site's folder"):
        _site_folder("shop", Path(root), None)


def test_the_folder_that_root_wrote_into_the_units_counts() -> None:
    with pytest.raises(DeployKitError, match="its units name /data/no-such"):
        _site_folder("shop", Path("/data/other"), "/data/no-such")
    assert _site_folder("shop", Path("/srv/shop"), "/data/no-such") == ""


def test_a_folder_with_other_things_is_not_a_sites(tmp_path: Path) -> None:
    assert _looks_like_a_site(tmp_path)  # empty
    (tmp_path / "thesis.txt").write_text("")
    assert not _looks_like_a_site(tmp_path)
    (tmp_path / "store").mkdir()
    assert _looks_like_a_site(tmp_path)


@pytest.mark.parametrize("server", WEBSERVERS)
def test_a_web_servers_file_is_found_by_its_first_line(tmp_path: Path, server: str) -> None:
    path = tmp_path / "etc" / server / "sites-available" / "shop"
    path.parent.mkdir(parents=True)
    path.write_text("\n".join(WEBSERVERS[server](Described("shop", "/run/x", ("a.example",)))))
    places = {server: str(path), "other": str(tmp_path / "missing")}
    assert list(_websites("shop", places)) == [Website(server, str(path))]
    assert list(_websites("blog", places)) == []
    link = path.parent.parent / "sites-enabled" / "shop"
    link.parent.mkdir()
    link.symlink_to(path)
    main = path.parent / f"{server.capitalize()}file"
    main.write_text("import other\n  import shop\n")
    assert list(_websites("shop", places)) == [Website(server, str(path), (str(link),), str(main))]


def test_an_administrators_own_file_stays(tmp_path: Path) -> None:
    (tmp_path / "shop").write_text("server { listen 80; }\n")
    assert list(_websites("shop", {"nginx": str(tmp_path / "shop")})) == []


def test_the_owner_of_a_missing_folder_is_nobody(tmp_path: Path) -> None:
    assert owner_name(tmp_path / "missing") == ""
    assert owner_name(Path("/")) == "root"


def test_mount_points_are_read_with_their_spaces(tmp_path: Path) -> None:
    table = tmp_path / "mountinfo"
    table.write_text(
        "22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n"
        "40 22 8:1 /uploads /srv/shop/a\\040b rw shared:1 - ext4 /dev/sda1 rw\n"
    )
    assert mount_points(table) == ["/", "/srv/shop/a b"]
    assert "/" in mount_points()
