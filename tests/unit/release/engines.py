"""Engines for tests: hosts in memory, a policy, and what the command does with them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django_deploykit.progress import Quiet
from django_deploykit.release.engine import Engine
from django_deploykit.release.outcome import Outcome
from django_deploykit.release.plan import Plan, make_plan
from django_deploykit.release.request import Request
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


def engine_for(
    *hosts: Host, policy: Policy = Policy(), progress: Quiet | None = None, **request: Any
) -> Engine:
    transports = {host.name: FakeTransport(host) for host in hosts}
    asked = Request(owner="ann@laptop", **request)
    return Engine(transports, policy, asked, progress or Quiet())


def plan_of(engine: Engine, migrating: tuple[str, ...] = ("web1",)) -> Plan:
    facts = engine.facts("3.11")
    return make_plan(new_manifest(), facts, {}, migrating, now=0.0)


def release(engine: Engine) -> Outcome:
    """Do what the command does: plan under the lock, and carry it out."""
    with engine.locks("releasing", "3.11") as facts:
        plan = make_plan(new_manifest(), facts, {}, ("web1",), now=0.0)
        if not plan.steps:
            return Outcome(NEW, live=dict(plan.live))
        return engine.execute(plan, new_manifest(), facts, FakeSender())  # type: ignore[arg-type]
