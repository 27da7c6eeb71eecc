"""The Debian package on real hosts: installed, upgraded, taken back, removed, all by dpkg."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.lab.conftest import BootHost, BundlesFor
from tests.lab.fleet import PORT, live
from tests.lab.hosts import Host
from tests.lab.images import locked
from tests.lab.releases import Bundles
from tests.lab.striking import asked, serves
from tests.lab.test_by_hand import SNAPSHOT
from tests.projects import ROOT, manage


def package(bundles: Bundles, name: str) -> Path:
    """Return the Debian package of a release, built where it is not there yet."""
    folder = bundles.repository.parent / f"{name}-{bundles.python}-deb"
    with locked(bundles.repository.parent / f"{bundles.python}.lock"):
        if not folder.exists():
            words = ("--rev", name, "--python", bundles.python, "--output", f"{folder}/", "--json")
            done = manage(bundles.repository, "bundle", "--format", "deb", *words)
            assert done.returncode == 0, done.stdout + done.stderr
            assert Path(json.loads(done.stdout)["path"]).parent == folder
    (found,) = folder.glob("*.deb")
    return found


def with_packages(boot: BootHost, bundles: Bundles, *names: str) -> Host:
    """Boot a host that operations configured, with packages in root's home."""
    made = boot("bookworm" if bundles.python == "3.11" else "trixie")
    for name in names:
        made.copy(package(bundles, name), f"{name}.deb")
    return made


def configure(host: Host) -> None:
    """Write what operations know before the package comes, as Puppet does."""
    host.run("mkdir -p /etc/shop/conf.d")
    names = f"shop.example.com, {host.address}, localhost"
    host.run("cat > /etc/shop/conf.d/site.ini", data=f"[django]\nallowed_hosts = {names}\n")
    options = f'SETUP_OPTIONS="--listen {host.address}:{PORT} --health /up"\n'
    host.run("cat > /etc/default/shop", data=options)


def state(host: Host) -> str:
    """Return dpkg's state of the package, such as ``ii``."""
    return host.run("dpkg-query -W -f '${db:Status-Abbrev}' shop").strip()


@pytest.fixture(scope="module")
def bundles(bundles_for: BundlesFor) -> Bundles:
    return bundles_for("bookworm")


@pytest.fixture(scope="module")
def host(boot_module_host: BootHost, bundles: Bundles) -> Host:
    """A host where the package ``one`` was installed, and is live."""
    made = with_packages(boot_module_host, bundles, "one", "two", "sick")
    configure(made)
    made.run("dpkg -i one.deb")
    return made


def go_to(host: Host, bundles: Bundles, name: str) -> None:
    """Let a package be the one that is installed and live."""
    if (state(host), live(host)) != ("ii", bundles.id(name)):
        host.run(f"dpkg -i {name}.deb")
    assert state(host) == "ii"
    assert serves(host) == bundles.id(name)


def test_installed_it_is_live_and_dpkg_knows_its_files(host: Host, bundles: Bundles) -> None:
    go_to(host, bundles, "one")
    assert host.run("dpkg -S /usr/lib/shop/shop.pyz") == "shop: /usr/lib/shop/shop.pyz\n"
    assert host.run("dpkg -V shop") == ""
    host.run("cp -p /usr/lib/shop/shop.pyz /root/kept; echo >> /usr/lib/shop/shop.pyz")
    try:
        assert "/usr/lib/shop/shop.pyz" in host.try_run("dpkg -V shop").stdout
    finally:
        host.run("cp -p /root/kept /usr/lib/shop/shop.pyz")
    assert "/usr/sbin/nologin" in host.run("getent passwd shop-deploy")
    assert host.run("stat -c %U /srv/shop") == "shop-deploy\n"


def test_an_upgrade_and_the_way_back_fail_no_request(host: Host, bundles: Bundles) -> None:
    go_to(host, bundles, "one")
    with asked(host):
        go_to(host, bundles, "two")
        done = host.try_run("dpkg -i one.deb")
        assert "compatibility" in done.stdout, done.stdout
        assert "stage" not in done.stdout, done.stdout
    assert serves(host) == bundles.id("one")


def test_a_sick_package_leaves_the_old_release_live(host: Host, bundles: Bundles) -> None:
    go_to(host, bundles, "one")
    with asked(host):
        done = host.try_run("dpkg -i sick.deb")
    assert done.returncode == 1
    assert "answered 500" in done.stderr + done.stdout
    assert "dpkg --configure shop" in done.stderr
    assert (state(host), live(host)) == ("iF", bundles.id("one"))
    go_to(host, bundles, "two")


def test_dpkg_finishes_a_package(host: Host, bundles: Bundles) -> None:
    go_to(host, bundles, "one")
    host.run("dpkg --unpack two.deb")
    assert (state(host), live(host)) == ("iU", bundles.id("one"))
    host.run("(dpkg --configure shop & sleep 0.4; kill -9 $!) > /dev/null 2>&1; true")
    assert live(host) in (bundles.id("one"), bundles.id("two"))
    host.run(_FINISH if state(host) != "ii" else "true")
    assert (state(host), serves(host)) == ("ii", bundles.id("two"))


def test_a_damaged_package_changes_nothing(host: Host, bundles: Bundles) -> None:
    go_to(host, bundles, "one")
    host.run("head -c 5000000 two.deb > cut.deb")
    assert host.try_run("dpkg -i cut.deb").returncode != 0
    assert (state(host), live(host)) == ("ii", bundles.id("one"))
    assert host.run("dpkg -V shop") == ""


def test_a_full_disk_changes_nothing(host: Host, bundles: Bundles) -> None:
    go_to(host, bundles, "one")
    folder = "/usr/lib/shop"
    host.run(f"cp -a {folder} /root/shop && mount -t tmpfs -o size=30m tmpfs {folder}")
    try:
        host.run(f"cp -a /root/shop/. {folder}")
        done = host.try_run("dpkg -i two.deb")
        assert done.returncode == 1
        assert "No space left on device" in done.stderr
        assert (state(host), live(host)) == ("ii", bundles.id("one"))
        assert host.run("dpkg -V shop") == ""
    finally:
        host.run(f"umount {folder}")
    go_to(host, bundles, "two")


_FINISH = "sudo dpkg --configure shop"


def page_commands(host: Host) -> list[str]:
    """Return the commands of the page for a host, with this host's names and files."""
    page = (ROOT / "docs/how-to/debian-package.md").read_text(encoding="utf-8")
    found = [line[2:] for line in page.splitlines() if line.startswith("$ ")]
    assert found[0] == "python manage.py bundle --format deb"  # as package() does
    assert _FINISH in found  # where a package is not configured: test_dpkg_finishes_a_package
    names = {
        "127.0.0.1:8000": f"{host.address}:{PORT}",
        "www.example.com": f"shop.example.com, {host.address}, localhost",
        "shop_20261123T041500+ab12cd3+py3.11_amd64.deb": "one.deb",
        "shop_20261124T090000+0a1b2c3+py3.11_amd64.deb": "two.deb",
    }
    for old, new in names.items():
        found = [line.replace(old, new) for line in found]
    return [line for line in found[1:] if line != _FINISH]


@pytest.mark.parametrize("suite", ["bookworm", "trixie"])
def test_the_page_from_a_bare_host_to_a_purged_one(
    boot_host: BootHost, bundles_for: BundlesFor, suite: str
) -> None:
    bundles = bundles_for(suite)
    made = with_packages(boot_host, bundles, "one", "two")
    before = made.run(SNAPSHOT)
    if suite == "trixie":  # its Python is another one
        made.copy(package(bundles_for("bookworm"), "one"), "other.deb")
        refused = made.try_run("dpkg -i other.deb")
        assert refused.returncode == 1
        assert "depends on python3 (<< 3.12~)" in refused.stderr
        made.run("dpkg -P shop; rm other.deb; ! getent passwd shop-deploy")
    shown = []
    for command in page_commands(made):
        if command.endswith("dpkg -r shop"):
            made.run("echo '; ours' >> /etc/shop/shop.ini; echo kept > /var/lib/shop/kept")
        if command.endswith("dpkg -P shop"):
            _is_removed_and_comes_back(made, bundles)
        shown.append((command, made.run(command)))
        if "dpkg -i" in command:
            assert serves(made) == bundles.id(command.split()[-1].removesuffix(".deb"))
    output = dict(shown)
    assert output["dpkg -V shop"] == ""
    assert output["dpkg -S /usr/lib/shop/shop.pyz"] == "shop: /usr/lib/shop/shop.pyz\n"
    purged = output["sudo dpkg -P shop"]
    for path in ("/etc/shop", "/etc/default/shop", "/var/lib/shop"):
        assert f"{path} stays" in purged
    assert made.run("find /etc/shop /var/lib/shop -type f -printf '%f\n' | sort").split() == [
        *("kept", "shop.sqlite3", "site.ini"),
    ]
    made.run("rm -r /etc/shop /etc/default/shop /var/lib/shop")
    after = made.run(SNAPSHOT)
    assert sorted(set(after.splitlines()) - set(before.splitlines())) == []


def _is_removed_and_comes_back(host: Host, bundles: Bundles) -> None:
    """Check that only data and configuration stayed; install it and remove it again."""
    kept = "tail -1 /etc/shop/shop.ini; cat /var/lib/shop/kept"
    assert host.run("ls /srv; systemctl list-units --all --plain --no-legend 'shop*'") == ""
    assert host.run(f"{kept}; stat -c '%U %a' /var/lib/shop /etc/shop/shop.ini").split("\n") == [
        *("; ours", "kept", "root 700", "root 600", "")
    ]
    host.run("DEBIAN_FRONTEND=noninteractive dpkg -i two.deb < /dev/null")
    assert serves(host) == bundles.id("two")
    assert host.run(kept) == "; ours\nkept\n"
    host.run("dpkg -r shop")
