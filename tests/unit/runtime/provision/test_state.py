"""Reading the state of a host."""

from __future__ import annotations

import os
import pwd
from collections.abc import Sequence
from pathlib import Path

import pytest

from django_deploykit.runtime.base.site import Site
from django_deploykit.runtime.provision.plan import SetupRequest
from django_deploykit.runtime.provision.state import look, units_in_state
from django_deploykit.runtime.supervisors.systemd_units import Kind

ME = pwd.getpwuid(os.getuid()).pw_name


def active_units(verb: str, state: str, names: Sequence[str]) -> frozenset[str]:
    """Answer as a systemd where the socket is active and the service enabled."""
    known = {("is-active", "active"): "shop.socket", ("is-enabled", "enabled"): "shop.service"}
    return frozenset({known[verb, state]} & set(names))


@pytest.fixture
def request_here(tmp_path: Path) -> SetupRequest:
    site = Site("shop", tmp_path / "srv", tmp_path / "etc", tmp_path / "var", listen="/run/x")
    return SetupRequest(site, (Kind("web"),), ME)


def test_an_empty_host_has_nothing(request_here: SetupRequest) -> None:
    state = look(request_here, active_units)
    assert state.folders.keys().isdisjoint(
        {str(request_here.site.root), str(request_here.site.etc)}
    )
    assert set(state.files.values()) == {None}
    assert str(request_here.site.root / "site.json") in state.files
    assert state.present == frozenset()
    assert set(state.accounts) == {ME}
    assert state.accounts[ME].uid == os.getuid()
    assert state.running == {"shop.socket"}
    assert not state.live
    assert state.enabled == {"shop.service"}


def test_folders_files_and_the_configuration_are_found(request_here: SetupRequest) -> None:
    site = request_here.site
    for folder in (site.root, site.etc):
        folder.mkdir(mode=0o750)
    site.ini.touch()
    (site.root / "site.json").write_text("{}")
    state = look(request_here, active_units)
    assert state.folders[str(site.root)].owner == ME
    assert state.folders[str(site.root)].mode == 0o750
    assert state.files[str(site.root / "site.json")] == "{}"
    assert state.present == {str(site.ini)}


def test_a_live_release_is_found(request_here: SetupRequest) -> None:
    request_here.site.root.mkdir()
    request_here.site.current.symlink_to("releases/20261123T041500-ab12cd3")
    assert look(request_here, active_units).live


def test_a_link_in_place_of_a_file_is_not_followed(request_here: SetupRequest) -> None:
    site = request_here.site
    site.root.mkdir()
    (site.root / "secret").write_text("secret")
    (site.root / "site.json").symlink_to("secret")
    assert look(request_here, active_units).files[str(site.root / "site.json")] == ""


@pytest.mark.parametrize("mode", [0o777, 0o757])
def test_folders_that_others_can_change_are_unsafe(request_here: SetupRequest, mode: int) -> None:
    site = request_here.site
    site.etc.mkdir()
    site.etc.chmod(mode)
    assert str(site.etc) in look(request_here, active_units).unsafe


@pytest.mark.skipif(os.getuid() != 0, reason="folders of root are safe")
def test_folders_of_root_are_safe(request_here: SetupRequest) -> None:
    site = request_here.site
    site.etc.mkdir(mode=0o755)
    (site.etc / "conf.d").symlink_to("/tmp")
    unsafe = look(request_here, active_units).unsafe
    assert str(site.etc) not in unsafe
    assert str(site.etc / "conf.d") in unsafe


@pytest.mark.parametrize(
    ("output", "found"),
    [("active\ninactive\n", {"a"}), ("inactive\nactive\n", {"b"}), ("", set()), ("active", {"a"})],
)
def test_units_are_asked_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str, found: set[str]
) -> None:
    systemctl = tmp_path / "systemctl"
    systemctl.write_text(f"#!/bin/sh\n[ \"$*\" = 'is-active a b' ] && printf '{output}'\n")
    systemctl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert units_in_state("is-active", "active", ["a", "b"]) == found
