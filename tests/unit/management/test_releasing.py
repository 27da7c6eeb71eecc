"""A bundle goes live on hosts in memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.errors import Problems
from django_deploykit.management.concluding import carry_out
from django_deploykit.management.releasing import known_list, plan_built, plan_bundle
from django_deploykit.management.session import Options, Session
from django_deploykit.runtime.base.errors import LIVE, TAKEN_BACK
from tests.unit.management.sessions import MemorySession, shop_bundle
from tests.unit.release.fakes import NEW, OLD, REPORTED, Host


def release(session: Session, path: Path) -> int:
    return carry_out(session, plan_bundle(session, path))


def test_puts_a_bundle_live_and_says_so(tmp_path: Path) -> None:
    host = Host(name="web1")
    session = MemorySession(tmp_path, host)
    assert release(session, shop_bundle(tmp_path)) == LIVE
    assert host.live == NEW
    data = session.printed()
    assert (data["release"], data["live"], data["before"]) == (NEW, {"web1": NEW}, {"web1": OLD})
    assert data["bundle_size"] > 0
    assert session.hook_facts["release"] == NEW


def test_a_plan_is_what_is_executed_and_changes_nothing(tmp_path: Path) -> None:
    hosts = [Host(name="web1"), Host(name="web2")]
    session = MemorySession(tmp_path, *hosts, options=Options(plan=True))
    assert release(session, shop_bundle(tmp_path)) == LIVE
    steps = session.printed()["plan"]["steps"]
    assert [step["hosts"] for step in steps if step["kind"] == "switch"] == [["web1"], ["web2"]]
    assert [host.calls for host in hosts] == [["facts"], ["facts"]]


def test_a_release_that_is_live_is_left_alone(tmp_path: Path) -> None:
    host, bundle = Host(name="web1"), shop_bundle(tmp_path)
    release(MemorySession(tmp_path, host), bundle)
    session = MemorySession(tmp_path, host)
    host.calls.clear()
    assert release(session, bundle) == LIVE
    assert (session.printed()["changed"], host.calls) == (False, ["facts"])


def test_refusals_name_the_command_that_sets_hosts_up(tmp_path: Path) -> None:
    host = Host(name="web1")
    session = MemorySession(tmp_path, host)
    host.setup = False
    with pytest.raises(Problems, match=r"run `manage\.py release production setup` once"):
        release(session, shop_bundle(tmp_path))


def test_a_failed_switch_gives_its_exit_code(tmp_path: Path) -> None:
    host = Host(name="web1", fails={"switch": [REPORTED]})
    session = MemorySession(tmp_path, host)
    change = plan_built(session, lambda: shop_bundle(tmp_path))
    assert carry_out(session, change) == TAKEN_BACK
    assert session.printed()["live"] == {"web1": OLD}
    assert session.built > 0


def test_a_list_is_known_only_from_a_bundle_that_was_kept(tmp_path: Path) -> None:
    session = MemorySession(tmp_path, Host(name="web1"))
    assert known_list(session.project, "0" * 64) is None
