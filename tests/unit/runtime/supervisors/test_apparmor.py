"""The AppArmor profile of a site's processes."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from django_deploykit.runtime.base.site import Site
from django_deploykit.runtime.supervisors.apparmor import profile, profile_name, profile_path
from django_deploykit.runtime.supervisors.systemd_units import sandbox

SITE = Site("shop", Path("/srv/shop"), Path("/etc/shop"), Path("/var/lib/shop"))


def test_it_has_the_name_that_the_units_use() -> None:
    assert f"profile {profile_name('shop')} " in profile(SITE)
    assert ("AppArmorProfile", f"-{profile_name('shop')}") in sandbox(SITE)
    assert profile_path("shop") == Path("/etc/apparmor.d/deploykit-shop")


@pytest.mark.parametrize(("mode", "complains"), [("complain", True), ("enforce", False)])
def test_the_option_chooses_the_mode(mode: str, complains: bool) -> None:
    text = profile(replace(SITE, apparmor=mode))
    assert ("complain)" in text) == complains


def test_it_names_the_folders_of_the_site() -> None:
    text = profile(replace(SITE, root=Path("/data/shop"), data=Path("/data/state")))
    for rule in ("  /data/shop/** mrix,", "  /data/state/** mrwklix,"):
        assert rule in text.splitlines()


@pytest.mark.skipif(not shutil.which("apparmor_parser"), reason="apparmor_parser is not installed")
@pytest.mark.parametrize("mode", ["complain", "enforce"])
def test_apparmor_can_read_it(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "profile"
    path.write_text(profile(replace(SITE, apparmor=mode)))
    command = ["apparmor_parser", "--skip-kernel-load", "--skip-cache", "--skip-read-cache"]
    done = subprocess.run([*command, str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
