"""The Debian package on real hosts: installed, upgraded, taken back, removed, all by dpkg."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import pytest

from django_deploykit.bundle.debian_libraries import debian_package
from tests.lab.conftest import BootHost, BundlesFor
from tests.lab.depot import package_depot, take_library
from tests.lab.fleet import PORT, live
from tests.lab.hosts import Host
from tests.lab.images import SUITES, image, locked
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


def configure(host: Host, app: str = "shop", port: int = PORT) -> None:
    """Write what operations know before the package comes, as Puppet does."""
    host.run(f"mkdir -p /etc/{app}/conf.d")
    names = f"{app}.example.com, {host.address}, localhost"
    host.run(f"cat > /etc/{app}/conf.d/site.ini", data=f"[django]\nallowed_hosts = {names}\n")
    options = f'SETUP_OPTIONS="--listen {host.address}:{port} --health /up"\n'
    host.run(f"cat > /etc/default/{app}", data=options)


def state(host: Host, package: str = "shop") -> str:
    """Return dpkg's state of a package, such as ``ii``."""
    return host.run(f"dpkg-query -W -f '${{db:Status-Abbrev}}' {package}").strip()


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


# Kills dpkg and all that it started when it prints a line of this pattern.
_KILL = """\
mkfifo dpkg.output
setsid dpkg --status-fd 1 -i two.deb > dpkg.output 2>&1 &
while read -r line; do case "$line" in {at}) kill -9 -$!; break;; esac; done < dpkg.output
rm dpkg.output
"""


@pytest.mark.parametrize(
    "at", ["'status: shop: half-installed'", "'processing: configure: '*", "*stage", "*switch*"]
)
def test_dpkg_finishes_a_package_that_was_killed(host: Host, bundles: Bundles, at: str) -> None:
    go_to(host, bundles, "one")
    host.run("rm -rf /srv/shop/releases/" + bundles.id("two"))
    host.run(_KILL.format(at=at))
    assert serves(host) in (bundles.id("one"), bundles.id("two"))
    assert state(host) != "ii"
    if "half-installed" in at:  # dpkg does not unpack the rest by itself
        host.run("dpkg -i two.deb")
    else:
        host.run(_FINISH)
    assert (state(host), serves(host), host.run("dpkg -V shop")) == ("ii", bundles.id("two"), "")


def test_a_damaged_package_changes_nothing(host: Host, bundles: Bundles) -> None:
    go_to(host, bundles, "one")
    host.run("head -c 5000000 two.deb > cut.deb")
    assert host.try_run("dpkg -i cut.deb").returncode != 0
    assert (state(host), live(host)) == ("ii", bundles.id("one"))
    assert host.run("dpkg -V shop") == ""


def test_a_package_for_another_processor_changes_nothing(host: Host, bundles: Bundles) -> None:
    go_to(host, bundles, "one")
    host.run(
        "rm -rf x && dpkg-deb -R two.deb x && sed -i 's/^Architecture: .*/Architecture: s390x/'"
        " x/DEBIAN/control && dpkg-deb -Znone -b x other.deb && rm -r x"
    )
    done = host.try_run("dpkg -i other.deb")
    assert done.returncode == 1
    assert "package architecture (s390x) does not match system" in done.stderr
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
    before = snapshot(made)
    if suite == "trixie":  # its Python is another one
        made.copy(package(bundles_for("bookworm"), "one"), "other.deb")
        refused = made.try_run("dpkg -i other.deb")
        assert refused.returncode == 1
        assert "pre-depends on python3 (<< 3.12~)" in refused.stderr
        made.run("rm other.deb; ! dpkg -s shop; ! ls /usr/lib/shop; ! getent passwd shop-deploy")
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
    assert snapshot(made) - before == set()


def snapshot(host: Host) -> set[str]:
    """Return accounts and the paths of all files of a host, without what the system itself changes."""
    changing = "/var/log /var/cache /var/lib/systemd /var/lib/dpkg /proc /sys /dev /run"
    left_out = " -o ".join(f"-path {path}" for path in changing.split())
    return {
        *host.run(SNAPSHOT).splitlines(),
        *host.run(f"find / -xdev \\( {left_out} \\) -prune -o -print").splitlines(),
        *host.run("ls /var/lib/dpkg/info").splitlines(),
    }


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


_FILES_OF_SHOP = (
    "find /etc/shop /etc/default/shop /usr/lib/shop /srv/shop/releases /var/lib/shop | sort"
)


@pytest.mark.parametrize("suite", SUITES)
def test_two_projects_of_which_one_needs_a_library(
    boot_host: BootHost, bundles_for: BundlesFor, tmp_path: Path, suite: str
) -> None:
    bundles = bundles_for(suite)
    host = with_packages(boot_host, bundles, "one", "two")
    host.copy(package_depot(bundles, tmp_path), "depot.deb")
    configure(host)
    configure(host, "depot", PORT + 1)
    host.run("dpkg -i one.deb")
    take_library(host)
    refused = host.try_run("dpkg -i depot.deb")
    assert refused.returncode == 1
    assert "depot depends on libcurl4" in refused.stderr
    assert (state(host, "depot"), host.run("ls /srv")) == ("iU", "shop\n")
    host.run("dpkg -i libcurl.deb && dpkg --configure depot")
    page = f"curl -s -H 'X-Forwarded-Proto: https' http://{host.address}:{PORT + 1}/up"
    with asked(host):
        assert host.run(page).startswith("up, libcurl/")
        go_to(host, bundles, "two")
        assert host.run(page).startswith("up, libcurl/")
        before = host.run(_FILES_OF_SHOP)
        host.run("dpkg -P depot")
        assert host.run(_FILES_OF_SHOP) == before
    assert f"releases/{bundles.id('one')}/" in before
    assert f"releases/{bundles.id('two')}/" in before
    assert (state(host), host.run("dpkg -V shop")) == ("ii", "")
    left = "getent passwd | grep ^depot; systemctl list-units --all --plain --no-legend 'depot*'"
    assert host.try_run(f"{left}; ls -d /srv/depot /usr/lib/depot").stdout == ""
    assert host.run("ls -d /etc/depot* /srv/* /var/lib/depot*").split() == [
        *("/etc/depot", "/srv/shop", "/var/lib/depot")
    ]


@pytest.mark.parametrize("suite", SUITES)
def test_the_package_of_each_library_is_known(lab: None, suite: str) -> None:
    """``shlibs`` files have the libraries of each installed package, and where others find them."""
    database = image(suite) / "var/lib/dpkg"
    provided = _provided((database / "status").read_text(encoding="utf-8"))
    rows = [
        line.split()[:3]
        for path in (database / "info").glob("*.shlibs")
        for line in path.read_text(encoding="utf-8").splitlines()
        if not line.startswith(("#", "udeb:"))
    ]
    wrong = {
        (f"{name}.so.{version}", package)
        for name, version, package in rows
        if (found := debian_package(f"{name}.so.{version}")) != ""
        and (found is None or package not in provided[found])
    }
    assert len(rows) > 100
    assert {package for _, package in wrong} <= {"apt", "sudo", "libllvm19"}  # their own


def _provided(status: str) -> dict[str, set[str]]:
    """Return the installed packages that are, or provide, a package."""
    found: dict[str, set[str]] = defaultdict(set)
    for paragraph in status.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in paragraph.splitlines() if ": " in line)
        names = fields.get("Provides", "").split(", ") if "Provides" in fields else []
        for name in (fields.get("Package", ""), *names):
            found[name.partition(" ")[0]].add(fields.get("Package", ""))
    return found
