"""What an interrupted switch is settled to: one of the two releases, and never both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from django_deploykit.runtime.base.errors import HALF_DONE, DeployKitError
from django_deploykit.runtime.base.site import Site, live_release
from django_deploykit.runtime.deploy import switch as switching
from django_deploykit.runtime.deploy.switch import settle, switch
from django_deploykit.runtime.supervisors.base import ProcessError
from django_deploykit.runtime.wire.events import Event, HostWarning
from django_deploykit.runtime.wire.journal import read_journal
from tests.unit.runtime.deploy.two_releases import CHANGE, NEW, OLD, answers, serving, silent, site
from tests.unit.runtime.fake_supervisor import FakeSupervisor

__all__ = ["answers", "site"]


class Killed(BaseException):
    """The process is gone: nothing after this runs."""


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", range(5))
def test_a_death_at_any_step_is_settled_to_one_release(
    site: Site, step: int, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    supervisor = FakeSupervisor(serving(OLD))
    supervisor.fails, supervisor.after, supervisor.error = step, after, Killed()
    with monkeypatch.context() as patch:
        patch.setattr(switching, "_take_back", lambda *_: _die())
        with pytest.raises(Killed):
            switch(site, supervisor, CHANGE, silent)
    live = settle(site, supervisor, silent)
    assert live in (OLD, NEW)
    assert live == live_release(site)
    assert sorted(supervisor.running) == serving(str(live))
    assert settle(site, supervisor, silent) is None
    switch(site, supervisor, replace(CHANGE, before=live), silent)
    assert sorted(supervisor.running) == serving(NEW)


def _die() -> None:
    raise Killed


def test_an_interrupted_switch_is_settled_though_the_journal_cannot_be_written(
    site: Site,
) -> None:
    site.journal.mkdir()  # nobody can write to it, not even root
    switching._note(site, CHANGE, "started")
    told: list[Event] = []
    assert settle(site, FakeSupervisor(serving(OLD)), told.append) == OLD
    assert isinstance(told[-1], HostWarning)
    assert not (site.root / "switching.json").exists()


def test_an_interrupted_switch_to_the_live_release_leaves_it_running(site: Site) -> None:
    switching._note(site, replace(CHANGE, to=OLD), "started")
    supervisor = FakeSupervisor([(OLD, "web")])
    assert settle(site, supervisor, silent) == OLD
    assert sorted(supervisor.running) == serving(OLD)


class Broken(FakeSupervisor):
    """A supervisor where processes of some releases do not start."""

    def __init__(self, running: list[tuple[str, str]], *broken: str) -> None:
        super().__init__(running)
        self.broken = broken

    def start(self, release: str, processes: Sequence[str]) -> None:
        if release in self.broken:
            raise ProcessError(f"web of {release} did not start")
        super().start(release, processes)


def test_an_interrupted_switch_is_finished_if_the_old_release_no_longer_starts(site: Site) -> None:
    switching._note(site, CHANGE, "started")
    supervisor = Broken([(NEW, "web")], OLD)
    assert settle(site, supervisor, silent) == NEW == live_release(site)
    assert sorted(supervisor.running) == serving(NEW)
    assert supervisor.enabled == (NEW, ("web", "worker"))
    assert read_journal(site.journal)[-1].result == "live"


def test_a_switch_that_had_taken_place_is_reverted_if_the_new_release_no_longer_starts(
    site: Site,
) -> None:
    switching.point(site, NEW)
    switching._note(site, CHANGE, "switched")
    supervisor = Broken([], NEW)
    assert settle(site, supervisor, silent) == OLD == live_release(site)
    assert sorted(supervisor.running) == serving(OLD)
    assert read_journal(site.journal)[-1].result == "failed"


@pytest.mark.parametrize("stage", ["started", "switched"])
def test_a_switch_that_can_neither_be_finished_nor_reverted_is_reported_once(
    site: Site, stage: str
) -> None:
    if stage == "switched":
        switching.point(site, NEW)
    switching._note(site, CHANGE, stage)
    with pytest.raises(DeployKitError) as caught:
        settle(site, Broken([], OLD, NEW), silent)
    assert caught.value.exit_code == HALF_DONE
    assert "did not start" in caught.value.message
    assert "the next release does not wait for this switch" in caught.value.hint
    assert "did not start" in read_journal(site.journal)[-1].why
    assert settle(site, Broken([], OLD, NEW), silent) is None


@pytest.mark.parametrize("text", ["", "{}", "[1", "[1]", '{"to": 1}'])
def test_a_note_that_cannot_be_read_is_forgotten(site: Site, text: str) -> None:
    (site.root / "switching.json").write_text(text)
    assert settle(site, FakeSupervisor(serving(OLD)), silent) is None
    assert not (site.root / "switching.json").exists()
