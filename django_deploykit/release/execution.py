"""Carries out the plan of a release or a rollback."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from django_deploykit.errors import DeployKitError, Problems
from django_deploykit.release.delivery import Delivery
from django_deploykit.release.fanout import Interruption
from django_deploykit.release.fleet import Fleet, Work
from django_deploykit.release.host_locks import Claim, DeployLock, held
from django_deploykit.release.outcome import Outcome
from django_deploykit.release.remote import RemoteHost
from django_deploykit.release.switching import Switching
from django_deploykit.release.transports.base import Transport
from django_deploykit.release.upload import Sender
from django_deploykit.runtime.base.errors import REFUSED
from django_deploykit.runtime.deploy.plan import HOOKS, Plan, Step
from django_deploykit.runtime.deploy.stages import NOT_SWITCHED, Caller, StageHost, Stages
from django_deploykit.runtime.wire.facts import HostFacts
from django_deploykit.runtime.wire.releasing import PRUNE

T = TypeVar("T")


@dataclass(frozen=True)
class Errand:
    """What a plan is carried out for.

    ``what`` is the text of the deploy lock. ``python`` is passed to the verb that collects facts.
    ``again`` makes the plan from new facts. ``sender`` has the bundle; it is None for a rollback.
    """

    what: str
    python: str
    again: Callable[[Mapping[str, HostFacts]], Plan]
    sender: Sender | None = None


def execute(fleet: Fleet, plan: Plan, errand: Errand) -> Outcome | None:
    """Carry out a plan; return None if nothing is left to do once the locks are held.

    The plan is made again from facts collected while the locks are held, so it matches the hosts'
    current state. An error before the first switch is raised, and what is live stays live. An error
    during a switch is recorded in the outcome.
    """
    with contextlib.ExitStack() as stack:
        locks: dict[str, DeployLock] = {}

        def prepare(step: Step) -> str:
            fleet.all(step.hosts, fleet.request.prepare)
            return ""

        def lock(_: Step) -> str:
            request = fleet.request
            claim = Claim(
                request.owner,
                errand.what,
                request.wait,
                errand.python,
                fleet.progress.note,
                plan.action,
                {host: plan.target(host) for host in fleet.transports},
            )
            around = lambda host: fleet.timeline.span(host, "lock")  # noqa: E731
            locks.update(stack.enter_context(held(fleet.transports, claim, around)))
            return ""

        fleet.walk(plan.split("lock")[0], {"prepare": prepare, "lock": lock})
        facts = {host: locks[host].facts for host in fleet.transports}
        renewed = errand.again(facts)
        if plan.live and renewed.live != plan.live:
            fleet.progress.note("the hosts changed meanwhile; the plan was made again")
        if not renewed.steps:
            return None
        return _Execution(fleet, renewed, errand, locks, facts).run()
    raise AssertionError  # not reached: the stack suppresses no exception


class _Execution:
    """Runs the steps after the lock, and undoes them after a failure."""

    def __init__(
        self,
        fleet: Fleet,
        plan: Plan,
        errand: Errand,
        locks: Mapping[str, DeployLock],
        facts: Mapping[str, HostFacts],
    ) -> None:
        self.fleet, self.plan, self.locks = fleet, plan, locks
        self.outcome = fleet.outcome = Outcome(
            plan.release,
            live=dict(plan.live),
            before=dict(plan.live),
            seconds=fleet.outcome.seconds,
            spans=fleet.timeline.spans,
            back={host: one.last_good for host, one in facts.items()},
            warnings=[f"{host}: {text}" for host, one in facts.items() for text in one.warnings],
        )
        self.stages = Stages(
            plan,
            self._on_hosts,
            self._caller(),
            self.outcome.live,
            self.outcome.findings,
            self.outcome.pending,
            self.outcome.migrated,
        )
        self.switching = Switching(
            fleet.transports,
            fleet.request.owner,
            self.outcome,
            fleet.progress,
            fleet.timeline,
            fleet.sleep,
        )
        self.work = self._handlers(errand, facts)

    def _handlers(self, errand: Errand, facts: Mapping[str, HostFacts]) -> dict[str, Work]:
        """Return the function for each kind of step."""
        work: dict[str, Work] = {
            "settle": self.stages.settle,
            "check": self.stages.check,
            "compatibility": self.stages.compatibility,
            "migrate": self.stages.migrate,
            "recheck": self.stages.recheck,
            "upload": self.stages.upload,
            "switch": self._switch,
            "prune": self._prune,
            **dict.fromkeys(HOOKS, self._hook),
        }
        if errand.sender is not None:
            progress, sent = self.fleet.progress, self.outcome.bytes
            delivery = Delivery(self.plan.release, errand.sender, progress, facts, sent)
            work["send"] = self._on_all(delivery.send)
            work["stage"] = self._on_all(delivery.stage)
        return work

    def run(self) -> Outcome:
        """Carry out the plan, and undo it if a switch fails."""
        steps = self.plan.split("lock")[1]
        try:
            self.fleet.walk(steps, self.work, self._goes_on)
        except KeyboardInterrupt as error:
            if not self.switching.before or not self._unswitched():
                self._journal(error)
                raise
            self.switching.interrupted = True
        except DeployKitError as error:
            self._journal(error)
            self._after_failure()
            raise
        if self.switching.interrupted:
            self.switching.skip(self._unswitched())
        if self.outcome.errors:
            self.switching.conclude(self.fleet.policy.on_failure)
            if self.outcome.code == REFUSED:
                self.stages.failed(Problems(NOT_SWITCHED, list(self.outcome.errors.values())))
            self._after_failure()
        return self.outcome

    def _journal(self, error: BaseException) -> None:
        """Journal an error on the hosts, unless they have switched, which is in their journals."""
        if not self.switching.before:
            self.stages.failed(error)
        elif isinstance(error, DeployKitError):
            self.stages.add_databases(error)

    def _unswitched(self) -> list[str]:
        """Return the hosts that the switches have not reached."""
        return [host for host in self.plan.hosts("switch") if host not in self.switching.before]

    def _goes_on(self, left: Sequence[Step]) -> bool:
        """Return whether to go on. After a failed switch, only the policy ``continue`` does."""
        if self.switching.interrupted:
            return not self._unswitched() and not self.outcome.errors
        if not self.outcome.errors:
            return True
        switches = any(step.kind == "switch" for step in left)
        return switches and self.fleet.policy.on_failure == "continue"

    def _caller(self) -> Caller:
        policy, request = self.fleet.policy, self.fleet.request
        many = len(self.fleet.transports) > 1

        def command(host: str) -> str:
            hosts = f" --hosts {host}" if many else ""
            return f"./manage.py release {policy.name} exec{hosts} --"

        rollback = self.plan.action == "rollback"
        return Caller(
            refused="Split the change over two releases, or confirm on a terminal, or set "
            f"`allow_breaking_migrations = yes` in [environment:{policy.name}] of deploykit.ini.",
            command=command,
            note=self.fleet.progress.note,
            allow_breaking=policy.allow_breaking_migrations,
            confirm=request.confirm,
            again="run the rollback again" if rollback else "run the same command again",
            unchanged="nothing was changed" if rollback else NOT_SWITCHED,
        )

    def _on_hosts(self, hosts: Sequence[str], work: Callable[[StageHost], T]) -> dict[str, T]:
        owner, note = self.fleet.request.owner, self.fleet.progress.note
        first, action = not any(self.plan.live.values()), self.plan.action
        return self.fleet.all(hosts, lambda one: work(RemoteHost(one, owner, note, first, action)))

    def _on_all(self, work: Callable[[Transport], None]) -> Work:
        def carry_out(step: Step) -> str:
            self.fleet.all(step.hosts, work)
            return ""

        return carry_out

    def _hook(self, step: Step) -> str:
        if step.kind in ("before_migrate", "after_migrate") and not self.stages.work:
            return "no migrations are pending"
        if step.kind == "before_switch":
            self._refuse_lost_locks()
        self.fleet.request.hook(step.kind, {})
        return ""

    def _switch(self, step: Step) -> str:
        if not self.switching.before:
            self._refuse_lost_locks()
        return self.switching.switch(step, self.plan.action)

    def _prune(self, step: Step) -> str:
        with contextlib.suppress(Interruption):  # the release is live, so pruning may be cut short
            self.fleet.each(step.hosts, lambda one: one.call(PRUNE))
        return ""

    def _refuse_lost_locks(self) -> None:
        lost = [host for host, lock in self.locks.items() if lock.lost]
        if lost:
            raise DeployKitError(
                f"{NOT_SWITCHED}: the deploy lock was lost on {', '.join(lost)}",
                "The connection broke. Run the same command again.",
            )

    def _after_failure(self) -> None:
        with contextlib.suppress(DeployKitError):
            self.fleet.request.hook("after_failure", {})
