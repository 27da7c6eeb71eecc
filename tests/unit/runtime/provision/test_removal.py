"""The plan that takes a site off a host."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from django_deploykit.runtime.base.site import Site
from django_deploykit.runtime.provision.removal import (
    Installed,
    Website,
    folder_of,
    kept_paths,
    removal_plan,
    root_paths,
)
from django_deploykit.runtime.supervisors.systemd_units import Kind, units

SITE = Site(
    "shop", Path("/srv/shop"), Path("/etc/shop"), Path("/var/lib/shop"), listen="/run/shop/web.sock"
)
FOUND = Installed(
    app="shop",
    units=units(SITE, (Kind("web", True), Kind("worker")), "deploy"),
    folder="/srv/shop",
    files=root_paths("shop"),
    trees=("/run/shop",),
    caches=(("ann", "/home/ann/.cache/django-deploykit/run/shop"),),
    websites=(
        Website(
            "nginx", "/etc/nginx/sites-available/shop", links=("/etc/nginx/sites-enabled/shop",)
        ),
        Website("caddy", "/etc/caddy/shop.caddy", importer="/etc/caddy/Caddyfile"),
    ),
    site_account="shop",
    deploy_account="deploy",
    deploy_uid=1001,
    data="/var/lib/shop",
    data_owner="shop",
    configuration=("/etc/shop",),
    empty=("/usr/local/libexec",),
)


def words(found: Installed = FOUND, *, data: bool = False) -> list[str]:
    return [f"{one.kind} {one.target}" for one in removal_plan(found, data)]


def test_everything_goes_and_the_data_stays_without_its_owner() -> None:
    assert words() == [
        *("halt shop", "disable shop.socket", "disable shop.service"),
        *("remove /etc/sudoers.d/deploykit-shop", "remove /usr/local/libexec/deploykit-shop"),
        *("remove /etc/nginx/sites-enabled/shop", "remove /etc/nginx/sites-available/shop"),
        *("refresh nginx", "line /etc/caddy/Caddyfile", "remove /etc/caddy/shop.caddy"),
        *("refresh caddy", "tree /srv/shop", "tree /run/shop"),
        "cache /home/ann/.cache/django-deploykit/run/shop",
        *("keep /var/lib/shop", "unuser shop", "unlogin deploy"),
        *(f"remove /etc/systemd/system/{name}" for name in sorted(FOUND.units)),
        *("reload ", "empty /usr/local/libexec"),
    ]
    assert kept_paths(FOUND, data=False) == ("/var/lib/shop", "/etc/shop")


def test_data_and_configuration_go_when_that_is_asked_for() -> None:
    found = words(data=True)
    assert {"tree /var/lib/shop", "tree /etc/shop"} < set(found)
    assert "keep /var/lib/shop" not in found
    assert kept_paths(FOUND, data=True) == ()


def test_a_host_without_the_site_has_nothing_to_remove() -> None:
    assert words(Installed("shop", {})) == []
    # What a removal left stays as it is, however often it is run.
    left = Installed("shop", {}, data="/var/lib/shop", data_owner="root", configuration=("/etc/x",))
    assert words(left) == []
    assert words(left, data=True) == ["tree /var/lib/shop", "tree /etc/x"]


def test_only_this_sites_units_are_stopped() -> None:
    (halt,) = (one for one in removal_plan(FOUND, data=False) if one.kind == "halt")
    assert halt.text.split("\n") == [
        *("shop.socket", "shop.service", "shop-web@*.service", "shop-worker@*.service"),
        *("shop-probe@*.socket", f"shop-run-{'[0-9a-f]' * 16}.service"),
    ]


def test_the_units_say_where_the_site_is() -> None:
    assert folder_of(FOUND.units) == "/srv/shop"
    elsewhere = replace(SITE, root=Path("/data/sites/shop"))
    assert folder_of(units(elsewhere, (Kind("worker"),), "deploy")) == "/data/sites/shop"
    assert folder_of({}) is None


def test_every_step_can_be_shown() -> None:
    shown = [str(one) for one in removal_plan(FOUND, data=False)]
    assert "stop the processes and sockets of shop" in shown
    assert "remove /srv/shop with everything in it" not in shown
    assert "remove with everything in it /srv/shop" in shown
    assert "remove, as ann, /home/ann/.cache/django-deploykit/run/shop" in shown
    assert "remove the line `import shop.caddy` from /etc/caddy/Caddyfile" in shown
