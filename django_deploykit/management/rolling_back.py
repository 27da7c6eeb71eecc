"""``manage.py release rollback``: takes hosts back to a release that is staged on them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from django_deploykit.management.engine import Change
from django_deploykit.management.session import Session, local_site
from django_deploykit.release.execution import Errand, execute
from django_deploykit.runtime.deploy.plan import Plan, lock_plan, rollback_plan
from django_deploykit.runtime.deploy.rollback_targets import rollback_targets
from django_deploykit.runtime.wire.facts import HostFacts


@contextmanager
def plan_rollback(session: Session, release: str) -> Iterator[Change]:
    """Plan to go back to ``release``, or if empty to each host's last good one.

    Without ``--plan``, the plan is only the lock: the facts come with the locks, which saves a
    round trip, and the other steps are planned from them.
    """

    def make_plan(facts: Mapping[str, HostFacts]) -> Plan:
        targets = rollback_targets(facts, release)
        session.hook_facts["release"] = " ".join(dict.fromkeys(targets.values()))
        return rollback_plan(targets, facts, session.choices())

    with session.opened() as fleet:
        if session.options.plan:
            plan = make_plan(fleet.facts(""))
        else:
            _refuse_empty_site(session)
            plan = replace(lock_plan("rollback", list(fleet.transports)), release=release)
        yield Change(plan, lambda: execute(fleet, plan, Errand("rolling back", "", make_plan)))


def _refuse_empty_site(session: Session) -> None:
    """Refuse a local site that was never released, because it has no folder for a lock."""
    environment = session.environment
    if environment.local and not local_site(session.project, environment).root.is_dir():
        rollback_targets({"local": HostFacts(setup=False)})
