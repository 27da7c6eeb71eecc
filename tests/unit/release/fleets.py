"""Fleets for tests: hosts in memory, a policy, and the command's way to carry out a plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

from django_deploykit.progress import Quiet
from django_deploykit.release.execution import Errand, execute
from django_deploykit.release.fleet import Fleet
from django_deploykit.release.outcome import Outcome
from django_deploykit.release.request import ReleaseRequest
from django_deploykit.release.upload import Sender
from django_deploykit.runtime.deploy.plan import Choices, Plan, release_plan, rollback_plan
from django_deploykit.runtime.deploy.readiness import Expected
from django_deploykit.runtime.deploy.rollback_targets import rollback_targets
from django_deploykit.runtime.wire.facts import HostFacts
from tests.unit.release.fakes import NEW, FakeSender, FakeTransport, Host, new_manifest

PENDING = {
    "migrations": [
        {
            "database": "default",
            "place": "postgresql://db/shop",
            "pending": [
                {"app": "shop", "name": "0002_note", "operations": [{"describe": "Add field note"}]}
            ],
        }
    ]
}
HOOKS = {
    name: (f"./{name}.sh",)
    for name in ("before_migrate", "after_migrate", "before_switch", "after_switch")
}


PLAIN = Choices()


@dataclass(frozen=True)
class Policy:
    name: str = "production"
    on_failure: str = "back"
    allow_breaking_migrations: bool = False


@dataclass
class Notes(Quiet):
    lines: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        self.lines.append(text)


def fleet_of(
    *hosts: Host, policy: Policy = Policy(), progress: Quiet | None = None, **request: Any
) -> Fleet:
    transports = {host.name: FakeTransport(host) for host in hosts}
    asked = ReleaseRequest(owner="ann@laptop", **request)
    return Fleet(transports, policy, asked, progress or Quiet(), sleep=lambda _: None)


def plan_of(facts: Mapping[str, HostFacts], choices: Choices = PLAIN, storage: str = "") -> Plan:
    expected = {host: Expected("manage.py release production setup", 0.0) for host in facts}
    manifest = replace(new_manifest(), static_storage=storage)
    return release_plan(manifest, facts, choices, expected)


def release(fleet: Fleet, choices: Choices = PLAIN, plan: Plan | None = None) -> Outcome:
    """Plan a release and carry it out, as the command does."""
    plan = plan or plan_of(fleet.facts("3.11"), choices)
    sender = cast(Sender, FakeSender())
    errand = Errand("releasing", "3.11", lambda now: plan_of(now, choices), sender)
    outcome = execute(fleet, plan, errand) if plan.steps else None
    return outcome or Outcome(NEW, live=dict(plan.live))


def roll_back(fleet: Fleet, release: str = "", choices: Choices = PLAIN) -> Outcome:
    """Plan a rollback and carry it out."""

    def plan(facts: Mapping[str, HostFacts]) -> Plan:
        return rollback_plan(rollback_targets(facts, release), facts, choices)

    outcome = execute(fleet, plan(fleet.facts("")), Errand("rolling back", "", plan))
    assert outcome is not None
    return outcome
