"""Without a controller: one file, copied to a host, sets it up and puts itself live."""

from __future__ import annotations

import pytest

from tests.lab.conftest import BootHost, BundlesFor
from tests.lab.fleet import PORT, fill_in, get, live
from tests.lab.hosts import Host
from tests.lab.releases import Bundles


@pytest.fixture(scope="module")
def bundles(bundles_for: BundlesFor) -> Bundles:
    return bundles_for("bookworm")


@pytest.fixture(scope="module")
def host(boot_module_host: BootHost, bundles: Bundles) -> Host:
    """A host with a person's account that may use sudo, and the bundles in its home."""
    made = boot_module_host()
    made.run("useradd -m -s /bin/bash ann; echo 'ann ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/ann")
    made.run("cp -r /root/.ssh ~ann/ && chown -R ann: ~ann/.ssh")
    for name in ("one", "two", "sick"):
        made.copy(bundles.path(name), f"{name}.pyz", "ann")
    return made


def test_install_needs_setup(host: Host) -> None:
    done = host.try_run("./one.pyz deploykit install", "ann")
    assert done.returncode == 1
    assert "sudo" in done.stderr + done.stdout


def test_setup_needs_root(host: Host) -> None:
    done = host.try_run("./one.pyz deploykit setup", "ann")
    assert done.returncode == 1
    assert "root" in done.stderr + done.stdout


def test_sets_up_and_installs(host: Host, bundles: Bundles) -> None:
    listen = f"--listen {host.address}:{PORT} --health /up"
    host.run(f"sudo ./one.pyz deploykit setup {listen}", "ann")
    assert '"plan": []' in host.run(f"sudo ./one.pyz deploykit setup {listen}", "ann")
    fill_in(host)
    host.run("./one.pyz deploykit install", "ann")
    assert live(host) == bundles.id("one")
    assert host.run("stat -c %U /srv/shop", "ann") == "ann\n"


def test_installs_what_comes_next(host: Host, bundles: Bundles) -> None:
    host.run("./two.pyz deploykit install", "ann")
    assert live(host) == bundles.id("two")
    assert "Two" in get(host, "/")


def test_a_sick_bundle_leaves_the_old_one(host: Host, bundles: Bundles) -> None:
    done = host.try_run("./sick.pyz deploykit install", "ann")
    assert done.returncode == 4
    assert "answered 500" in done.stdout
    assert live(host) == bundles.id("two")


def test_comes_back_after_a_reboot(host: Host, bundles: Bundles) -> None:
    host.reboot()
    assert live(host) == bundles.id("two")
