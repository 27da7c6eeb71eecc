"""``manage.py release rollback``: takes hosts back to a release that is staged on them."""

from __future__ import annotations

from collections.abc import Mapping

from django_deploykit.management.concluding import conclude, show_plan
from django_deploykit.management.session import Session, local_site
from django_deploykit.release.execution import Errand, execute
from django_deploykit.runtime.deploy.plan import Plan, lock_plan, rollback_plan
from django_deploykit.runtime.deploy.rollback_targets import rollback_targets
from django_deploykit.runtime.wire.facts import HostFacts


def roll_back(session: Session, release: str) -> int:
    """Go back to ``release``, or if empty to each host's last good one; return the exit code."""

    def make_plan(facts: Mapping[str, HostFacts]) -> Plan:
        targets = rollback_targets(facts, release)
        session.hook_facts["release"] = " ".join(dict.fromkeys(targets.values()))
        return rollback_plan(targets, facts, session.choices())

    with session.opened() as fleet:
        if session.options.plan:
            return show_plan(session, make_plan(fleet.facts("")))
        _refuse_empty_site(session)
        # The facts come with the locks, which saves a round trip.
        begin = lock_plan("rollback", list(fleet.transports))
        outcome = execute(fleet, begin, Errand("rolling back", "", make_plan))
    assert outcome is not None  # a plan without a target is refused
    return conclude(session, outcome, sum(outcome.seconds.values()))


def _refuse_empty_site(session: Session) -> None:
    """Refuse a local site that was never released, because it has no folder for a lock."""
    environment = session.environment
    if environment.local and not local_site(session.project, environment).root.is_dir():
        rollback_targets({"local": HostFacts(setup=False)})
