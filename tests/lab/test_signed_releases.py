"""A host that asks for signatures: releases over SSH and by hand, keys that come and go."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from django_deploykit.bundle.signing import sign
from django_deploykit.runtime.base.files import hash_file
from django_deploykit.runtime.bundle.reader import BundleFile
from django_deploykit.runtime.bundle.signature import signature_path
from tests.lab.conftest import Fleet
from tests.lab.fleet import PORT, Controller, Done, live
from tests.lab.hosts import Host
from tests.lab.striking import forget, one_host

HELPER = "/usr/local/libexec/deploykit-shop"


@pytest.fixture(scope="module")
def controller(fleet: Fleet) -> Controller:
    return one_host(fleet)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    for name in ("ann", "bob"):
        path = str(folder / name)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return folder


def allow(host: Host, keys: Path, *names: str) -> None:
    text = "".join(
        f"{name}@example.com {(keys / name).with_suffix('.pub').read_text()}" for name in names
    )
    host.run("cat > /etc/shop/allowed_signers", data=text)


def copy(controller: Controller, name: str, key: Path | None = None) -> Path:
    """Return a copy of a bundle, in a folder of its own, signed with a key."""
    source: Path = controller.bundles.path(name)
    folder = controller.folder / "signed" / f"{name}-{key.name if key else 'nobody'}"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / source.name
    if not path.exists():
        os.link(source, path)
    if key:
        with BundleFile(path) as bundle:
            sign(path, bundle.manifest, hash_file(path), str(key))
    return path


def release(controller: Controller, path: Path, *words: str) -> Done:
    return controller.run("--bundle", str(path), "--noinput", "--json", *words)


@pytest.fixture
def unsigned(controller: Controller, host: Host) -> Host:
    """``two`` is live, no signature is required, and the host does not know ``one``."""
    host.run("rm -f /etc/shop/allowed_signers")
    controller.be_live("two")
    forget(controller, host, "one")
    return host


@pytest.fixture
def signed(unsigned: Host, controller: Controller, keys: Path) -> Host:
    """``one`` is live, signed by Ann, who is allowed to; the host does not know ``two``."""
    release(controller, copy(controller, "one", keys / "ann")).well()
    forget(controller, unsigned, "two")
    allow(unsigned, keys, "ann")
    return unsigned


def test_a_signature_travels_also_where_nobody_asks(
    controller: Controller, unsigned: Host, keys: Path
) -> None:
    release(controller, copy(controller, "one", keys / "ann")).well()
    text = signature_path(copy(controller, "one", keys / "ann")).read_text()
    assert unsigned.run("cat /srv/shop/current/manifest.json.sig") == text


def test_an_unsigned_bundle_is_refused_before_anything_changes(
    controller: Controller, signed: Host, keys: Path
) -> None:
    host = signed
    before = host.run("find /srv/shop | sort")
    for path in (copy(controller, "two"), copy(controller, "two")):
        done = release(controller, path)
        assert done.code == 1
        assert (
            "requires signed bundles, and this bundle is not signed"
            in done.data["error"]["message"]
        )
        # The next one has the signature of another bundle beside it.
        shutil.copy(signature_path(copy(controller, "one", keys / "ann")), signature_path(path))
    signature_path(copy(controller, "two")).unlink()
    assert host.run("find /srv/shop | sort") == before


def test_a_signer_who_is_not_listed_is_refused(
    controller: Controller, signed: Host, keys: Path
) -> None:
    host = signed
    done = release(controller, copy(controller, "two", keys / "bob"))
    assert done.code == 1
    assert "does not allow the signer" in done.data["error"]["message"]
    assert live(host) == controller.id("one")
    assert controller.id("two") not in host.run("ls /srv/shop/releases")


def test_a_signed_bundle_goes_live_and_back(
    controller: Controller, signed: Host, keys: Path
) -> None:
    host = signed
    release(controller, copy(controller, "two", keys / "ann")).well()
    assert live(host) == controller.id("two")
    controller.run("rollback", "--json").well()
    assert live(host) == controller.id("one")


def test_root_starts_no_release_that_lost_its_signature(
    controller: Controller, signed: Host, keys: Path
) -> None:
    """As a controller would that knows nothing of signatures, or somebody with the deploy key."""
    host = signed
    release(controller, copy(controller, "two", keys / "ann")).well()
    older = release(controller, copy(controller, "one", keys / "ann"))
    assert older.code == 1
    assert f"has had {controller.id('two')} live" in older.data["error"]["message"]
    assert live(host) == controller.id("two")
    release(controller, copy(controller, "one", keys / "ann"), "--older").well()
    two = f"/srv/shop/releases/{controller.id('two')}"
    start = f"sudo -n {HELPER} start {controller.id('two')} web"
    run = f"sudo -n {HELPER} run {controller.id('two')} 0123456789abcdef -- check"
    host.run(f"mv {two}/manifest.json.sig {two}/kept.sig", user="deploy")
    for command in (start, run):
        done = host.try_run(command, user="deploy")
        assert done.returncode == 65, done.stdout + done.stderr
        assert "is not signed" in done.stderr
    host.run(f"cp {two}/../{controller.id('one')}/manifest.json.sig {two}/", user="deploy")
    assert "belongs to another bundle" in host.try_run(start, user="deploy").stderr
    host.run(f"mv {two}/kept.sig {two}/manifest.json.sig", user="deploy")
    host.run(f"chmod u+w {two}/manifest.json; echo >> {two}/manifest.json", user="deploy")
    assert "belongs to another bundle" in host.try_run(start, user="deploy").stderr
    host.run(f"sed -i '$d' {two}/manifest.json", user="deploy")
    assert host.try_run(run, user="deploy").returncode == 0


def test_by_hand_too(controller: Controller, signed: Host, keys: Path) -> None:
    host = signed
    name = controller.bundles.two.name
    good, bad = copy(controller, "two", keys / "ann"), copy(controller, "two", keys / "bob")
    host.copy(good, f"/home/deploy/{name}", user="deploy")
    for signature, said in (
        (None, "not signed"),
        (signature_path(bad), "does not allow the signer"),
    ):
        host.run(f"rm -f /home/deploy/{name}.sig", user="deploy")
        if signature:
            host.copy(signature, f"/home/deploy/{name}.sig", user="deploy")
        done = host.try_run(f"./{name} deploykit install", user="deploy")
        assert done.returncode == 1
        assert said in done.stderr
        done = host.try_run(f"{HELPER} verify {name}", user="deploy")
        assert done.returncode == 65, done.stderr
    host.copy(signature_path(good), f"/home/deploy/{name}.sig", user="deploy")
    verified = host.run(f"{HELPER} verify {name}", user="deploy")
    assert verified == f"shop {controller.id('two')}, signed by ann@example.com\n"
    host.run(f"./{name} deploykit install", user="deploy")
    assert live(host) == controller.id("two")
    host.run(f"printf x >> {name}", user="deploy")
    assert host.try_run(f"{HELPER} verify {name}", user="deploy").returncode == 65


def test_a_key_that_is_taken_out_starts_nothing_and_stops_nothing(
    controller: Controller, signed: Host, keys: Path
) -> None:
    host = signed
    release(controller, copy(controller, "two", keys / "ann")).well()
    allow(host, keys, "bob")
    done = controller.run("rollback", "--json")
    assert done.code == 1
    assert "does not allow the signer" in str(done.data)
    assert live(host) == controller.id("two")
    controller.run("exec", "--", "check").well()  # what runs may be used
    host.reboot()
    host.run(f"curl -sf --retry 30 --retry-all-errors http://{host.address}:{PORT}/up")
    assert live(host) == controller.id("two")


def test_signing_is_an_option_of_bundle_and_a_variable_of_release(
    controller: Controller, signed: Host, keys: Path
) -> None:
    host, name = signed, "two"
    allow(host, keys, "bob")
    target = controller.folder / "built" / f"{name}.pyz"
    rev = controller.id(name).rpartition("-")[2]
    build = ("bundle", "--rev", rev, "--python", "3.11", "--json", "--output", str(target))
    plain = controller.manage(*build).well().data
    assert plain["signature"] is None
    made = controller.manage(*build, "--sign", str(keys / "bob")).well().data
    assert made["signature"] == f"{target}.sig"
    assert made["sha256"] == plain["sha256"]  # signing changes no byte of a bundle
    done = controller.run("--rev", rev, "--noinput", "--json", DEPLOYKIT_SIGN=str(keys / "bob"))
    assert done.well().data["changed"] is True
    assert live(host) == controller.id(name)
    text = signature_path(target).read_text()
    assert host.run("cat /srv/shop/current/manifest.json.sig") == text
