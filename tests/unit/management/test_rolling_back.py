"""Hosts in memory go back to a release that is staged there."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from django_deploykit.errors import Problems
from django_deploykit.management.concluding import carry_out
from django_deploykit.management.console import Console
from django_deploykit.management.rolling_back import plan_rollback
from django_deploykit.management.session import Options, Session
from django_deploykit.project import Project
from django_deploykit.project.inventory import Environment
from django_deploykit.runtime.base.errors import LIVE
from tests.unit.management.sessions import MemorySession
from tests.unit.release.fakes import NEW, OLD, Host


def roll_back(session: Session, release: str) -> int:
    return carry_out(session, plan_rollback(session, release))


def newer(name: str) -> Host:
    return Host(name=name, live=NEW, staged={OLD, NEW}, kin={"same": True})


def test_goes_back_and_says_so(tmp_path: Path) -> None:
    hosts = [newer("web1"), newer("web2")]
    session = MemorySession(tmp_path, *hosts)
    assert roll_back(session, "") == LIVE
    assert [host.live for host in hosts] == [OLD, OLD]
    assert hosts[0].calls == ["hold", "kin", "switch"]
    data = session.printed()
    assert (data["release"], data["commit"], data["bundle_size"]) == (OLD, "", 0)
    assert session.hook_facts["release"] == OLD


def test_its_plan_is_printed_as_that_of_a_release(tmp_path: Path) -> None:
    host = newer("web1")
    session = MemorySession(tmp_path, host, options=Options(plan=True))
    assert roll_back(session, OLD) == LIVE
    plan = session.printed()["plan"]
    assert (plan["action"], plan["release"]) == ("rollback", OLD)
    assert [step["kind"] for step in plan["steps"]] == ["lock", "compatibility", "switch"]
    assert host.calls == ["facts"]


def test_the_release_that_is_live_needs_no_rollback(tmp_path: Path) -> None:
    hosts = [newer("web1"), newer("web2")]
    session = MemorySession(tmp_path, *hosts)
    assert roll_back(session, NEW) == LIVE
    data = session.printed()
    assert (data["changed"], data["release"]) == (False, NEW)
    assert data["live"] == {"web1": NEW, "web2": NEW}
    assert [host.calls for host in hosts] == [["hold"], ["hold"]]


def test_a_local_site_that_was_never_released_is_refused(tmp_path: Path) -> None:
    project = Project(tmp_path, "shop", tmp_path / "deploykit.ini")
    session = Session(project, Environment("local"), Console(io.StringIO(), io.StringIO()))
    with pytest.raises(Problems, match="local: nothing is live there"):
        roll_back(session, "")
    assert list(tmp_path.iterdir()) == []
