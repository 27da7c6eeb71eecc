"""A rollback by hand refuses what a rollback over SSH refuses."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import pytest

from django_deploykit.runtime.base.errors import Problems
from django_deploykit.runtime.base.hints import by_hand
from django_deploykit.runtime.base.site import Site
from django_deploykit.runtime.bundle.manifest import Process
from django_deploykit.runtime.deploy.here import Errand, Here
from django_deploykit.runtime.deploy.plan import Choices, Plan, rollback_plan
from django_deploykit.runtime.deploy.rollback import (
    carry_out,
    roll_back,
    validate_compatible,
)
from django_deploykit.runtime.wire.facts import HostFacts
from django_deploykit.runtime.wire.journal import JournalRecord, append, read_journal
from django_deploykit.runtime.wire.reader import read
from django_deploykit.runtime.wire.releasing import InstallResult
from django_deploykit.runtime.wire.reports import CheckResult, KinResult
from django_deploykit.runtime.wire.voice import Voice
from tests.bundles import make_manifest
from tests.unit.runtime.fake_supervisor import stage_by_hand

OLD, NEW = "20261101T000000-aaaaaaa", "20261102T000000-bbbbbbb"
DROPPED = {"database": "default", "unknown": ["shop.0003_drop"], "back": {"shop": "0002_note"}}
VOICE = Voice(person=False)


class Memory(Here):
    """This host, with checks in memory; ``report`` is that of the older release."""

    def __init__(self, site: Site, report: dict[str, object]) -> None:
        super().__init__(site, Path("/media/shop.pyz"), Errand("rollback", "back", 0.0), VOICE)
        self.report = report
        self.switched: list[str] = []

    def kin(self, release: str) -> KinResult:
        return KinResult(same=False, live=NEW)

    def check(self, release: str) -> CheckResult:
        report = self.report if release == OLD else {}
        return read(CheckResult, {"code": 0, "report": report}, "check")

    def switch(self, release: str) -> None:
        self.switched.append(release)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site("shop", tmp_path, tmp_path, tmp_path, supervisor="plain", listen=":0")
    for release in (OLD, NEW):
        manifest = make_manifest((), release_id=release, processes=(Process("web", "gunicorn"),))
        stage_by_hand(tmp_path, manifest.dumps(), release)
        append(made.journal, JournalRecord("release", release, "live"))
    (tmp_path / "site.json").write_text(made.dumps())
    os.symlink(f"releases/{NEW}", made.current)
    return made


def plan_for(here: Here) -> Plan:
    found = {here.name: HostFacts(setup=True, live=NEW, staged=(OLD, NEW))}
    return rollback_plan({here.name: OLD}, found, Choices())


def test_the_release_before_comes_back(site: Site) -> None:
    here = Memory(site, {})
    carry_out(here, plan_for(here))
    assert here.switched == [OLD]


def test_a_dropped_column_is_refused_with_the_commands_that_bring_it_back(site: Site) -> None:
    here = Memory(site, {"migrations": [DROPPED]})
    with by_hand(here.path), pytest.raises(Problems) as caught:
        carry_out(here, plan_for(here))
    assert here.switched == []
    assert read_journal(site.journal)[-1].why.startswith("nothing was changed: applied migrations")
    assert caught.value.message.startswith("nothing was changed: applied migrations break")
    command = "/media/shop.pyz deploykit exec -- migrate --database default shop 0002_note"
    assert caught.value.problems == (command,)
    with pytest.raises(Problems, match="applied migrations break"):
        validate_compatible(here, OLD)


def options(**given: object) -> argparse.Namespace:
    return argparse.Namespace(**{"plan": True, "wait": 0.0, **given})


def test_a_plan_goes_back_to_the_last_good_release(site: Site) -> None:
    for release in ("", OLD):
        plan = roll_back(site.root, release, options(), Path("x.pyz"), VOICE)
        assert isinstance(plan, Plan)
        assert (plan.action, plan.release) == ("rollback", OLD)
        assert [step.kind for step in plan.steps] == ["lock", "compatibility", "switch"]


def test_a_release_that_is_not_there_is_refused(site: Site) -> None:
    with pytest.raises(Problems, match="is not there; staged: "):
        roll_back(site.root, "20261109T000000-ccccccc", options(), Path("x.pyz"), VOICE)


@pytest.mark.parametrize("plan", [True, False])
def test_the_release_that_is_live_needs_no_rollback(
    site: Site, plan: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = HostFacts(setup=True, live=NEW, staged=(OLD, NEW), serving=(NEW,))
    monkeypatch.setattr("django_deploykit.runtime.deploy.facts.facts", lambda *_: found)
    journal = read_journal(site.journal)
    result = roll_back(site.root, NEW, options(plan=plan), Path("x.pyz"), Voice(person=True))
    assert result == InstallResult(NEW, changed=False)
    assert f"nothing to do: {NEW} is live" in capsys.readouterr().out
    assert read_journal(site.journal) == journal
