"""Waiting for work whose release was interrupted."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.runtime.base import deploy_lock
from django_deploykit.runtime.base.deploy_lock import LockedError
from django_deploykit.runtime.deploy.unfinished import wait_for_migrations, wait_for_verbs
from django_deploykit.runtime.supervisors.base import RunningCommand
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
        deploy_lock.hold(tmp_path / "switch.lock", {"what": "migrate", "pid": 7}),
        pytest.raises(LockedError, match="migrate"),
    ):
        wait_for_verbs(tmp_path, shown.append, lambda: True)
    assert shown == ["until process 7 has ended: migrate"]
    wait_for_verbs(tmp_path, shown.append)
    assert len(shown) == 1
