"""Without a controller: one file, copied to a host, sets it up and puts itself live."""

from __future__ import annotations

import pytest

from tests.lab.conftest import BootHost, BundlesFor
from tests.lab.fleet import PORT, fill_in, get, live
from tests.lab.hosts import Host
from tests.lab.releases import Bundles
from tests.lab.striking import serves


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
    assert '"plan": []' in set_up(host)
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
    assert "answered 500" in done.stdout
    assert live(host) == before


def test_comes_back_after_a_reboot(host: Host) -> None:
    before = live(host)
    host.reboot()
    assert serves(host) == before
