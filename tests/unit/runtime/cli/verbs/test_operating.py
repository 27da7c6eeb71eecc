"""The verbs that people look at a site with."""

from __future__ import annotations

from dataclasses import replace

import pytest

from django_deploykit.runtime.base.errors import DeployKitError
from django_deploykit.runtime.base.site import Site
from django_deploykit.runtime.bundle.manifest import Process
from django_deploykit.runtime.webservers import WEBSERVERS, website
from django_deploykit.runtime.wire.journal import JournalRecord, append
from django_deploykit.runtime.wire.operating import (
    EndResult,
    HistoryResult,
    HostStatus,
    WatchResult,
)
from tests.bundles import make_manifest
from tests.unit.runtime.cli.verbs.conftest import Invoke


def test_a_site_without_a_release_has_a_status(invoke: Invoke) -> None:
    assert invoke("status") == HostStatus(live=None, listen=":0")


def test_history_is_the_journal(invoke: Invoke, site: Site) -> None:
    append(site.journal, JournalRecord("release", "a", "live"))
    found = invoke("history")
    assert isinstance(found, HistoryResult)
    assert [one.release for one in found.records] == ["a"]


def test_nothing_live_is_nothing_to_watch(invoke: Invoke) -> None:
    assert invoke("watch") == WatchResult()


@pytest.mark.parametrize("argv", [["logs"], ["exec", "--", "check"]])
def test_nothing_live_needs_a_release_that_is_named(invoke: Invoke, argv: list[str]) -> None:
    with pytest.raises(DeployKitError, match="nothing is live here") as caught:
        invoke(*argv)
    assert caught.value.hint == "Name a release with --release."


@pytest.fixture
def live(site: Site) -> str:
    """A release that is live; returns its id."""
    manifest = make_manifest((), processes=(Process("web", "gunicorn"), Process("worker", "work")))
    folder = site.releases / manifest.release_id
    folder.mkdir()
    (folder / "manifest.json").write_text(manifest.dumps())
    site.current.symlink_to(f"releases/{manifest.release_id}")
    return manifest.release_id


def test_logs_of_a_process_that_is_not_there_name_those_that_are(
    invoke: Invoke, site: Site, live: str
) -> None:
    with pytest.raises(DeployKitError, match="no process 'wrb' of") as caught:
        invoke("logs", "--process", "wrb")
    assert caught.value.hint == "Its processes here: web, worker"
    (site.root / "site.json").write_text(replace(site, roles=("web",)).dumps())
    with pytest.raises(DeployKitError, match=f"no process 'worker' of {live} on this host"):
        invoke("logs", "--process", "worker")


def test_ending_what_does_not_run_is_no_error(invoke: Invoke) -> None:
    assert invoke("end") == EndResult(ended=False)


def test_what_systemd_runs_is_stopped_by_systemd(invoke: Invoke, site: Site) -> None:
    (site.root / "site.json").write_text(replace(site, supervisor="systemd").dumps())
    with pytest.raises(DeployKitError, match="under systemd") as caught:
        invoke("end")
    assert "sudo systemctl stop shop.service shop.socket" in caught.value.hint


@pytest.mark.parametrize("server", WEBSERVERS)
def test_webserver_prints_a_site(
    invoke: Invoke, site: Site, server: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert invoke("webserver", server, "--name", "shop.example") == 0
    text = capsys.readouterr().out
    assert text == website(site, server, "/static/", names=["shop.example"])
    assert text != website(site, server, "/static/", names=["other.example"])
    assert f"`deploykit webserver {server}`" in text


def test_static_files_are_served_directly_where_a_release_has_some(invoke: Invoke) -> None:
    with pytest.raises(DeployKitError, match="no release with static files is live here"):
        invoke("webserver", "nginx", "--static", "direct")
