"""The maintainer scripts: valid shell, quoted options, one verb of the bundle each."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from django_deploykit.bundle.formats.deb_scripts import scripts
from django_deploykit.runtime.bundle.manifest import Layer
from tests.bundles import make_manifest

_MANIFEST = make_manifest(())


def test_set_up_with_the_options_of_deploykit_ini() -> None:
    options = {"listen": "127.0.0.1:8000", "health": "/up /a b", "roles": ("web", "worker")}
    text = scripts(_MANIFEST, options)["postinst"]
    assert (
        "/usr/bin/python3 /usr/lib/shop/shop.pyz deploykit configure --user shop-deploy --no-login"
        " --listen 127.0.0.1:8000 --health '/up /a b' --roles web,worker $SETUP_OPTIONS </dev/null"
    ) in text
    assert " --no-proxy " in scripts(_MANIFEST, {"proxied": False})["postinst"]
    assert "--no-proxy" not in scripts(_MANIFEST, {"proxied": True})["postinst"]


def test_names_of_accounts_are_short() -> None:
    text = scripts(make_manifest((), project="a" * 24 + "-bcdefg"), {})["postinst"]
    assert f"--user {'a' * 24}-deploy " in text


@pytest.mark.parametrize("name", ["postinst", "prerm", "postrm"])
def test_are_valid_and_do_nothing_for_other_actions(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(scripts(_MANIFEST, {})[name])
    assert "$$" not in path.read_text()
    done = subprocess.run(["sh", str(path), "abort-upgrade", "1"], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_shell_starts_a_bundle_with_its_own_python() -> None:
    layer = Layer("interpreter", "python", "3.11.7", "a" * 64, 10, 1)
    found = scripts(make_manifest((layer,)), {})
    assert "env -u SUDO_USER sh /usr/lib/shop/shop.pyz deploykit configure" in found["postinst"]
    assert "if ! sh /usr/lib/shop/shop.pyz deploykit remove" in found["prerm"]
