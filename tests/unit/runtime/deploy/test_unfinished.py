"""Waiting for work whose release was interrupted."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.runtime.base import deploy_lock
from django_deploykit.runtime.base.deploy_lock import LockedError, LockNote
from django_deploykit.runtime.base.site import Site
from django_deploykit.runtime.deploy.unfinished import (
    errand_of,
    journal_interruption,
    wait_for_migrations,
    wait_for_verbs,
)
from django_deploykit.runtime.supervisors.base import RunningCommand
from django_deploykit.runtime.wire.journal import JournalRecord, append, read_journal
from tests.unit.runtime.fake_supervisor import FakeSupervisor

RELEASE = "20261101T000000-aaaaaaa"


class Ending(FakeSupervisor):
    """Its commands end when they have been asked for a few times."""

    left = 3

    def commands(self) -> list[RunningCommand]:
        self.left -= 1
        return super().commands() if self.left > 0 else []


@pytest.mark.parametrize("name", ["migrate", "--process release"])
def test_waits_for_a_migration_and_says_so_once(name: str) -> None:
    supervisor = Ending()
    shown: list[str] = []
    supervisor.works = [RunningCommand("0123456789abcdef", RELEASE, name, 1e9)]
    wait_for_migrations(supervisor, shown.append)
    assert shown == [
        (
            f"until `{name}` of {RELEASE}, which runs since 2001-09-09 01:46:40 UTC, has ended; "
            "its ID for `cancel` is 0123456789abcdef"
        )
    ]
    assert supervisor.left == 0


def test_other_commands_are_not_waited_for() -> None:
    supervisor = FakeSupervisor()
    shown: list[str] = []
    supervisor.works = [RunningCommand("0123456789abcdef", RELEASE, "shell", 1e9)]
    wait_for_migrations(supervisor, shown.append)
    assert shown == []


def test_waiting_ends_with_its_caller() -> None:
    supervisor = FakeSupervisor()
    supervisor.works = [RunningCommand("0123456789abcdef", RELEASE, "migrate", 1e9)]
    with pytest.raises(LockedError, match="migrate"):
        wait_for_migrations(supervisor, lambda _: None, lambda: True)


def test_waits_for_a_verb_that_changes_the_site(tmp_path: Path) -> None:
    shown: list[str] = []
    with (
        deploy_lock.hold(tmp_path / "switch.lock", LockNote(what="migrate", pid=7)),
        pytest.raises(LockedError, match="migrate"),
    ):
        wait_for_verbs(tmp_path, shown.append, lambda: True)
    assert shown == ["until process 7 has ended: migrate"]
    wait_for_verbs(tmp_path, shown.append)
    assert len(shown) == 1


LEFT = LockNote(owner="ann@laptop", release=RELEASE, action="rollback", time=1e12)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site("shop", tmp_path, tmp_path, tmp_path)


def test_a_release_that_was_cut_off_is_in_the_journal(site: Site) -> None:
    append(site.journal, JournalRecord("migrate", RELEASE, "done"))
    for _ in range(2):  # the second one finds the record
        journal_interruption(site, LEFT)
    _, record = read_journal(site.journal)
    assert (record.action, record.release, record.result, record.owner) == (
        "rollback",
        RELEASE,
        "failed",
        "ann@laptop",
    )
    assert record.why.startswith("interrupted")


@pytest.mark.parametrize("result", ["live", "failed"])
def test_a_release_with_a_record_is_not_journaled_again(site: Site, result: str) -> None:
    append(site.journal, JournalRecord("release", RELEASE, result))
    append(site.journal, JournalRecord("migrate", RELEASE, "done"))
    journal_interruption(site, LEFT)
    assert len(read_journal(site.journal)) == 2


def test_a_record_of_an_earlier_release_is_another_s(site: Site) -> None:
    append(site.journal, JournalRecord("release", RELEASE, "live"))
    left = errand_of(site, RELEASE, "rm -rf")
    journal_interruption(site, left)
    assert [one.action for one in read_journal(site.journal)] == ["release", "release"]


@pytest.mark.parametrize("left", [LockNote(), LockNote(owner="ann")])
def test_a_lock_without_a_release_was_left_by_nobody(site: Site, left: LockNote) -> None:
    journal_interruption(site, left)
    assert read_journal(site.journal) == []


def test_a_release_whose_verb_still_runs_has_not_ended(site: Site) -> None:
    with deploy_lock.hold(site.root / "switch.lock", LockNote(what="switch")):
        journal_interruption(site, LEFT)
    assert read_journal(site.journal) == []
