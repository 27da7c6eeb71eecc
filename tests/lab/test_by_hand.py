"""Without a controller: one file, copied to a host, sets it up and puts itself live."""

from __future__ import annotations

import re
import shlex
from html import unescape

import pytest

from tests.lab.conftest import BootHost, BundlesFor
from tests.lab.fleet import PORT, fill_in, get, live
from tests.lab.hosts import Host
from tests.lab.releases import Bundles
from tests.lab.striking import serves
from tests.waiting import until


@pytest.fixture(scope="module")
def bundles(bundles_for: BundlesFor) -> Bundles:
    return bundles_for("bookworm")


def with_ann(boot: BootHost, bundles: Bundles) -> Host:
    """Boot a host with a person's account that may use sudo, and the bundles in its home."""
    made = boot()
    made.run("useradd -m -s /bin/bash ann; echo 'ann ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/ann")
    made.run("cp -r /root/.ssh ~ann/ && chown -R ann: ~ann/.ssh")
    for name in ("one", "two", "sick"):
        made.copy(bundles.path(name), f"{name}.pyz", "ann")
    return made


def set_up(host: Host) -> str:
    """Set a host up by hand; returns what that prints."""
    options = f"--listen {host.address}:{PORT} --health /up"
    return host.run(f"sudo ./one.pyz deploykit setup {options}", "ann")


@pytest.fixture(scope="module")
def bare(boot_module_host: BootHost, bundles: Bundles) -> Host:
    """A host that no test sets up."""
    return with_ann(boot_module_host, bundles)


@pytest.fixture(scope="module")
def host(boot_module_host: BootHost, bundles: Bundles) -> Host:
    """A host where some release is live."""
    made = with_ann(boot_module_host, bundles)
    set_up(made)
    fill_in(made)
    made.run("./one.pyz deploykit install", "ann")
    return made


def test_install_needs_setup(bare: Host) -> None:
    done = bare.try_run("./one.pyz deploykit install", "ann")
    assert done.returncode == 1
    assert "sudo" in done.stderr + done.stdout


def test_setup_needs_root(bare: Host) -> None:
    done = bare.try_run("./one.pyz deploykit setup", "ann")
    assert done.returncode == 1
    assert "root" in done.stderr + done.stdout


def test_sets_up_once_and_installs_for_the_account_that_called_sudo(
    host: Host, bundles: Bundles
) -> None:
    assert "changed: no" in set_up(host)
    assert host.run("stat -c %U /srv/shop", "ann") == "ann\n"


def test_installs_what_comes_next(host: Host, bundles: Bundles) -> None:
    for name in ("one", "two"):
        host.run(f"./{name}.pyz deploykit install", "ann")
        assert live(host) == bundles.id(name)
        assert ("Two" in get(host, "/")) == (name == "two")


def test_a_sick_bundle_leaves_the_old_one(host: Host, bundles: Bundles) -> None:
    before = live(host)
    done = host.try_run("./sick.pyz deploykit install", "ann")
    assert done.returncode == 4
    assert "answered 500" in done.stderr
    assert live(host) == before


def test_comes_back_after_a_reboot(host: Host) -> None:
    before = live(host)
    host.reboot()
    assert serves(host) == before


def test_goes_back_by_hand(host: Host, bundles: Bundles) -> None:
    for name in ("one", "two"):
        host.run(f"./{name}.pyz deploykit install", "ann")
    host.run("./two.pyz deploykit rollback", "ann")
    assert live(host) == serves(host) == bundles.id("one")


SNAPSHOT = (
    "cat /etc/passwd /etc/group; find /etc /usr/local /srv /run /tmp /home /root -xdev"
    " -not -path '/run/systemd/*' -not -path '/run/user/*' -not -path '/run/log/*'"
    " -not -path '/run/sudo/*' -not -path '/run/credentials*' -not -path '/run/lock/*'"
    " -not -path '*/systemd-private-*' -not -name '*.pyz' -not -path '/run/utmp*'"
    r" -not -regex '/etc/\(passwd\|group\|shadow\|gshadow\|subuid\|subgid\)-?' | sort"
)
DEPLOY = "--user deploy --health /up"


def test_removes_everything_and_can_be_set_up_again(boot_host: BootHost, bundles: Bundles) -> None:
    made = with_ann(boot_host, bundles)
    before = made.run(SNAPSHOT)
    setup = f"sudo ./one.pyz deploykit setup {DEPLOY} --listen {made.address}:{PORT}"
    assert "copied from ann and root: who can log in as ann and root now can" in made.run(
        setup, "ann"
    )
    fill_in(made)
    made.run("cp ~ann/one.pyz ~deploy/ && chown deploy: ~deploy/one.pyz")
    made.run("./one.pyz deploykit install", "deploy")
    assert serves(made) == bundles.id("one")
    # What the deploy user put there must not lead root anywhere.
    made.run("mkdir /etc/precious && touch /etc/precious/file")
    made.run(
        "ln -s /etc/precious /srv/shop/store/link; rm -rf ~/.cache; ln -s /etc ~/.cache", "deploy"
    )

    plan = made.run("sudo ./one.pyz deploykit remove --plan", "ann")
    assert "remove the account and its home folder: deploy" in plan
    refused = made.try_run("sudo ./one.pyz deploykit remove < /dev/null", "ann")
    assert refused.returncode == 1
    assert serves(made) == bundles.id("one")

    made.run("sudo ./one.pyz deploykit remove --noinput", "ann")
    assert made.run("ls /etc/precious") == "file\n"
    assert made.run("stat -c '%U %a' /var/lib/shop /etc/shop/shop.ini") == "root 700\nroot 600\n"
    assert "changed: no" in made.run("sudo ./one.pyz deploykit remove --noinput", "ann")

    made.run(setup, "ann")
    made.run("cp ~ann/one.pyz ~deploy/ && chown deploy: ~deploy/one.pyz")
    made.run("./one.pyz deploykit install", "deploy")
    assert serves(made) == bundles.id("one")
    assert made.run("stat -c %U /var/lib/shop") == "shop\n"

    made.run("sudo ./one.pyz deploykit remove --noinput --data", "ann")
    made.run("rm -r /etc/precious")
    after = made.run(SNAPSHOT)
    assert sorted(set(after.splitlines()) - set(before.splitlines())) == []
    units = made.run("systemctl list-units --all --no-legend --plain 'shop*'; ls /var/lib")
    assert "shop" not in units


def test_a_broken_configuration_is_refused_before_a_restart(host: Host, bundles: Bundles) -> None:
    host.run("./one.pyz deploykit install", "ann")
    host.run("cp -p /etc/shop/shop.ini /root/good.ini")
    host.run("sed -i 's/^secret_key = .*/secret_key =/' /etc/shop/shop.ini")
    try:
        for verb in ("restart", "install"):
            assert host.try_run(f"./one.pyz deploykit {verb}", "ann").returncode == 1
            assert serves(host) == bundles.id("one")
        host.run("cp -p /root/good.ini /etc/shop/shop.ini; echo nonsense >> /etc/shop/shop.ini")
        refused = host.try_run("./one.pyz deploykit restart", "ann")
        assert re.search(r"/etc/shop/shop.ini:\d+: expected a \[section\]", refused.stderr)
        host.run("cp -p /root/good.ini /etc/shop/shop.ini")
        host.run(r"sed -i 's/^\[shop\]/[shop]\ncurency = USD/' /etc/shop/shop.ini")
        warned = host.run("./one.pyz deploykit install", "ann")
        assert "the settings do not read [shop] curency" in warned
    finally:
        host.run("cp -p /root/good.ini /etc/shop/shop.ini")
    host.run("./one.pyz deploykit restart", "ann")
    assert serves(host) == bundles.id("one")
    host.run("./one.pyz deploykit install", "ann")  # finds the live release well


def test_a_configuration_that_is_missing_is_named(host: Host, bundles: Bundles) -> None:
    host.run("./one.pyz deploykit install", "ann")
    host.run("mv /etc/shop/shop.ini /root/kept.ini")
    try:
        for verb in ("restart", "exec -- check"):
            refused = host.try_run(f"./one.pyz deploykit {verb}", "ann")
            assert refused.returncode == 1
            assert "/etc/shop/shop.ini is missing" in refused.stderr
        assert serves(host) == bundles.id("one")
    finally:
        host.run("mv /root/kept.ini /etc/shop/shop.ini")


def test_a_port_that_another_program_takes_is_named_and_then_the_site_comes_back(
    host: Host, bundles: Bundles
) -> None:
    host.run("./one.pyz deploykit install", "ann")
    squatter = f"python3 -m http.server --bind {host.address} {PORT}"
    host.run(
        "systemctl stop shop.service shop.socket; systemctl reset-failed 'shop*'; "
        f"systemd-run -q --collect --unit=squatter {squatter}"
    )
    taken = f"curl -s -o /dev/null http://{host.address}:{PORT}/"
    until(lambda: host.try_run(taken).returncode == 0)
    failed = host.try_run("./two.pyz deploykit install", "ann")
    assert failed.returncode == 5
    assert f"cannot listen on {host.address}:{PORT}: another program" in failed.stderr
    assert "exception" not in failed.stderr
    assert host.try_run("systemctl start shop.service").returncode != 0
    host.run("systemctl stop squatter")
    host.run("./one.pyz deploykit restart", "ann")
    host.run("systemctl start shop.service")
    assert serves(host) == bundles.id("one")


def test_a_release_without_its_manifest_is_named_and_healed(host: Host, bundles: Bundles) -> None:
    host.run("./one.pyz deploykit install", "ann")
    host.run("rm -f /srv/shop/current/manifest.json")
    status = host.try_run("./one.pyz deploykit status", "ann")
    assert status.returncode == 1
    assert "manifest.json is missing" in status.stdout
    assert "./one.pyz deploykit install" in status.stdout
    assert serves(host) == bundles.id("one")
    for name in ("two", "one"):
        host.run(f"./{name}.pyz deploykit install", "ann")
        assert serves(host) == bundles.id(name)
        assert "answers: yes" in host.run(f"./{name}.pyz deploykit status", "ann")


def blocks(text: str) -> dict[str, list[str]]:
    """Return the commands of a runbook, by the name of their section."""
    found: dict[str, list[str]] = {}
    for section in text.split('<h2 id="')[1:]:
        shown = re.findall(r'<pre class="commands">(.*?)</pre>', section, re.DOTALL)
        lines = [line for block in shown for line in unescape(block).splitlines()]
        found[section.partition('"')[0]] = lines
    return found


def follow(host: Host, page: str, section: str) -> str:
    """Run the commands of a section as a person at a terminal who agrees; return what they print."""
    lines = blocks(page)[section]
    words = (f"echo y | script -qec {shlex.quote(line)} /dev/null" for line in lines)
    return "".join(host.run(one, "ann") for one in words)


def test_a_stranger_follows_the_runbook(boot_host: BootHost, bundles: Bundles) -> None:
    made = with_ann(boot_host, bundles)
    first, second = (made.run(f"./{name}.pyz deploykit runbook", "ann") for name in ("one", "two"))
    prepare, rest = blocks(first)["bare"][:2], blocks(first)["bare"][2:]
    for line in prepare:
        made.run(line, "ann")
    fill_in(made)
    for line in rest:
        printed = made.run(line, "ann")
    assert "proxy_pass" in printed
    assert visited(made) == bundles.id("one")
    follow(made, second, "version")
    assert visited(made) == bundles.id("one")  # it goes back at its end
    made.run("./two.pyz deploykit install", "ann")
    here = made.run("./two.pyz deploykit runbook", "ann")
    assert f"{bundles.id('two')} is live" in here
    assert bundles.id("two") in follow(made, here, "first")
    follow(made, here, "configuration")
    follow(made, here, "backup")
    until(lambda: visited(made) == bundles.id("two"))
    follow(made, here, "removal")
    assert made.run("ls /etc/shop /srv") == "/etc/shop:\nconf.d\nshop.ini\n\n/srv:\n"


def visited(host: Host) -> str:
    """Return the release that a visitor meets behind the web server's socket."""
    asked = (
        "curl -sS --unix-socket /run/shop/web.sock -H 'X-Forwarded-Proto: https' http://localhost/"
    )
    return host.run(asked).partition("Release ")[2].partition("<")[0].strip()
