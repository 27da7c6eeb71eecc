"""What a bundle says on this very host, and what to do first there."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from django_deploykit.runtime.base.hints import by_hand
from django_deploykit.runtime.base.site import Site
from django_deploykit.runtime.cli.banner import (
    SiteState,
    banner_lines,
    host_commands,
    look,
    print_banner,
)
from django_deploykit.runtime.cli.verbs import find_verb
from tests.bundles import make_manifest, write_bundle

MANIFEST = make_manifest((), required=("[django] secret_key",))
LIVE = "20261101T000000-aaaaaaa"
STATES = {
    "bare": SiteState(setup=False),
    "set up": SiteState(setup=True),
    "live": SiteState(setup=True, live=LIVE),
    "damaged": SiteState(setup=True, problem="site.json is damaged"),
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("os.geteuid", lambda: 0)


def verbs(state: str) -> list[str]:
    """Return the verbs in the order of the banner."""
    with by_hand(Path.cwd() / "shop.pyz"):
        rows = host_commands(STATES[state])
    return [command.split()[2] for command, _ in rows]


def test_a_bare_host_is_set_up_first() -> None:
    assert verbs("bare") == ["setup", "setup", "install", "status"]


def test_a_host_without_a_release_gets_one_first() -> None:
    assert verbs("set up")[:2] == ["install", "status"]
    assert "rollback" not in verbs("set up")


def test_a_live_site_is_looked_at_first() -> None:
    assert verbs("live") == [
        *("status", "install", "rollback", "logs", "exec", "history", "restart"),
        *("setup", "remove"),
    ]


def test_a_damaged_site_is_set_up_again_first() -> None:
    assert verbs("damaged")[0] == "setup"


@pytest.mark.parametrize("state", STATES)
def test_every_command_exists(state: str) -> None:
    assert [name for name in verbs(state) if find_verb(name) is None] == []


def test_says_what_is_live() -> None:
    text = "\n".join(banner_lines(MANIFEST, "./shop.pyz", STATES["live"]))
    assert f"On this host, where {LIVE} is live:" in text
    assert "This host is not set up for shop. In this order:" in "\n".join(
        banner_lines(MANIFEST, "./shop.pyz", STATES["bare"])
    )


def test_a_python_that_the_host_lacks_comes_first() -> None:
    lines = banner_lines(MANIFEST, "./shop.pyz", STATES["bare"], "this host has no python3.13")
    assert lines[3] == "First of all: this host has no python3.13"
    assert "First" not in "\n".join(banner_lines(MANIFEST, "./shop.pyz", STATES["bare"]))


def test_the_state_is_read_from_the_sites_folder(tmp_path: Path) -> None:
    assert look(tmp_path) == SiteState(setup=False)
    site = Site("shop", tmp_path, tmp_path, tmp_path)
    (tmp_path / "site.json").write_text(site.dumps())
    assert look(tmp_path) == SiteState(setup=True)
    os.symlink(f"releases/{LIVE}", site.current)
    assert look(tmp_path) == SiteState(setup=True, live=LIVE)
    (tmp_path / "site.json").write_text("{}")
    assert "is damaged" in look(tmp_path).problem


def test_a_bundle_prints_its_banner(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = replace(MANIFEST, project="no-such-shop")
    assert print_banner(write_bundle(tmp_path / "shop.pyz", other, {})) == 0
    out = capsys.readouterr().out
    assert "This host is not set up for no-such-shop. In this order:" in out
    assert "./shop.pyz deploykit setup --plan " in out
    assert "./shop.pyz run web " in out


@pytest.mark.parametrize("state", STATES)
def test_what_a_command_of_the_file_runs_as_depends_on_the_host(state: str) -> None:
    text = "\n".join(banner_lines(MANIFEST, "./shop.pyz", STATES[state]))
    assert ("Without installing it:" in text) == (state == "bare")
    assert ("As the site, once this bundle is installed:" in text) == (state != "bare")


def test_the_banner_looks_for_the_python_of_the_bundle(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_bundle(tmp_path / "shop.pyz", replace(MANIFEST, python="3.99"), {})
    assert print_banner(path) == 0
    assert "First of all: the bundle needs Python 3.99" in capsys.readouterr().out
