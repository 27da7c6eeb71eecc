"""The verbs of a release."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest

from django_deploykit.runtime.base.errors import DeployKitError
from django_deploykit.runtime.base.site import Site
from django_deploykit.runtime.wire.facts import HostFacts, PrepareResult
from django_deploykit.runtime.wire.journal import read_journal
from django_deploykit.runtime.wire.reader import inflate
from django_deploykit.runtime.wire.releasing import ListResult, PruneResult, SettleResult
from tests.unit.runtime.cli.verbs.conftest import Invoke

RELEASE = "20261101T000000-aaaaaaa"


def test_facts_of_a_site(invoke: Invoke, site: Site) -> None:
    found = invoke("facts")
    assert isinstance(found, HostFacts)
    assert (found.setup, found.live, found.lock, found.site) == (True, None, None, site.dumps())
    assert found.clock > 0


def test_prepare_makes_the_site_that_is_described(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "other"
    described = Site("shop", folder / "srv", folder / "etc", folder / "var", supervisor="plain")
    monkeypatch.setattr("sys.stdin", io.StringIO("[django]\nsecret_key = {generate}\n"))
    assert invoke("prepare", "--site", described.dumps()) == PrepareResult(("[django] secret_key",))
    assert described.ini.stat().st_mode & 0o777 == 0o600


def test_a_release_that_was_not_sent_is_not_staged(invoke: Invoke) -> None:
    with pytest.raises(DeployKitError, match=f"the manifest of {RELEASE} was not sent here"):
        invoke("stage", "--release", RELEASE)


def test_a_file_list_travels_compressed(invoke: Invoke, site: Site) -> None:
    digest = "a" * 64
    (site.store / f"{digest}.json").write_text("[]\n")
    found = invoke("list", digest)
    assert isinstance(found, ListResult)
    assert inflate(found.list, 10, "list") == b"[]\n"


def test_migrations_that_fail_are_in_the_journal(invoke: Invoke, site: Site) -> None:
    with pytest.raises(DeployKitError):
        invoke("migrate", "--release", RELEASE, "--owner", "ann")
    (record,) = read_journal(site.journal)
    assert (record.action, record.result, record.owner) == ("migrate", "failed", "ann")
    assert record.why


def test_why_migrations_fail_is_not_hidden_by_a_journal_that_cannot_be_written(
    invoke: Invoke, site: Site
) -> None:
    site.journal.mkdir()
    with pytest.raises(DeployKitError):
        invoke("migrate", "--release", RELEASE, "--owner", "ann")


def test_a_failure_that_a_controller_found_is_in_the_journal(invoke: Invoke, site: Site) -> None:
    words = ("--release", RELEASE, "--action", "rollback", "--owner", "ann")
    why = "nothing was changed:\n  - web2: - it is ill"
    found = invoke("failed", *words, "--why", why, "--databases", "shop.0002_x applied")
    (record,) = read_journal(site.journal)
    assert replace(record, time=0.0) == found
    assert (record.action, record.release, record.result) == ("rollback", RELEASE, "failed")
    assert (record.owner, record.why) == ("ann", why)
    assert record.databases == "shop.0002_x applied"


def test_nothing_interrupted_is_nothing_to_settle(invoke: Invoke) -> None:
    assert invoke("settle") == SettleResult(settled=None, live=None)


def test_prune_removes_nothing_where_nothing_is(invoke: Invoke) -> None:
    assert invoke("prune") == PruneResult()


def test_there_is_nothing_to_compare_to_where_nothing_is_live(invoke: Invoke) -> None:
    with pytest.raises(DeployKitError, match="nothing is live here"):
        invoke("kin", "--release", RELEASE)
