"""What is executed is the printed plan, or the part of it before a failure and its undoing.

Inventories, facts, narrowings and failures are drawn at random. Every call that changes something,
or that can change the outcome, is compared to the plan.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, TypeVar, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from django_deploykit.errors import DeployKitError
from django_deploykit.progress import Quiet
from django_deploykit.release.execution import Errand, execute
from django_deploykit.release.fleet import Fleet
from django_deploykit.release.outcome import Outcome
from django_deploykit.release.request import ReleaseRequest
from django_deploykit.release.upload import Sender
from django_deploykit.runtime.base.errors import HALF_DONE, LIVE, TAKEN_BACK
from django_deploykit.runtime.deploy.plan import Choices, Plan, Step, rollback_plan
from django_deploykit.runtime.deploy.rollback_targets import rollback_targets
from django_deploykit.runtime.wire.calls import Call
from django_deploykit.runtime.wire.events import Event
from django_deploykit.runtime.wire.facts import HostFacts
from tests.unit.release.fakes import (
    AFTER,
    BEFORE,
    LAYERS,
    NEW,
    OLD,
    REPORTED,
    FakeSender,
    FakeTransport,
    Host,
)
from tests.unit.release.fleets import HOOKS, PENDING, Policy, plan_of

T = TypeVar("T")
NAMES = ("web1", "web2", "web3", "web4")
# The steps that may call a verb, and those that always do on each of their hosts.
MAY = {
    "hold": {"lock"},
    "settle": {"settle", "switch"},
    "receive": {"send", "stage"},
    "stage": {"stage"},
    "check": {"check", "compatibility", "recheck"},
    "kin": {"compatibility"},
    "migrate": {"migrate"},
    "upload": {"upload"},
    "switch": {"switch"},
    "status": {"switch"},  # whether a release that was live before answers
    "prune": {"prune"},
}
ALWAYS = {"hold", "settle", "send", "stage", "check", "upload", "switch", "prune"}
VERB = {"lock": "hold", "send": "receive"}


@dataclass(frozen=True)
class Called:
    """A call: a verb on a host (for a hook, its name without a host), and to which release."""

    verb: str
    host: str = ""
    release: str = ""


@dataclass
class Recording(FakeTransport):
    """A transport that writes down what is called, before it happens."""

    host: Host
    log: list[Called]
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        super().__init__(self.host)

    def call(
        self,
        verb: Call[T],
        *arguments: str,
        stream: BinaryIO | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> T:
        words = dict(zip(arguments[::2], arguments[1::2], strict=False))
        self.log.append(Called(verb.name, self.name, words.get("--release", "")))
        return super().call(verb, *arguments, stream=stream, on_event=on_event)


@dataclass(frozen=True)
class Case:
    """One site, what is asked of it, and what fails."""

    hosts: tuple[Host, ...]
    choices: Choices
    policy: Policy
    rollback: bool
    remote: bool = False  # whether the static files are uploaded


# Strategies that are made once: each one made in a test is analysed again for each example.
VERBS = (
    "hold",
    "settle",
    "receive",
    "stage",
    "check",
    "kin",
    "migrate",
    "upload",
    "switch",
    "prune",
)
HOW = st.lists(st.sampled_from(["", BEFORE, AFTER, REPORTED]), min_size=1, max_size=2)
FAILURES: st.SearchStrategy[dict[str, list[str]]] = st.one_of(
    st.just({}), st.dictionaries(st.sampled_from(VERBS), HOW, max_size=2)
)
SOME_NAMES = st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True)
MIGRATE_ON = st.lists(st.sampled_from(NAMES), max_size=2, unique=True)
DAMAGED = st.lists(st.just(LAYERS[0].sha256), max_size=1)


@st.composite
def a_host(draw: st.DrawFn, name: str, *, rollback: bool) -> Host:
    live = draw(st.sampled_from([NEW] if rollback else [OLD, OLD, None, NEW]))
    return Host(
        name=name,
        live=live,
        layers=draw(st.sampled_from([set(), {layer.sha256 for layer in LAYERS}])) | set(),
        staged={OLD, NEW} if rollback or live == NEW else {OLD},
        switching=draw(st.booleans()) if live else False,
        report=draw(st.sampled_from([{}, PENDING])) if not rollback else {},
        kin={"same": True},
        fails=draw(FAILURES),
        damaged=draw(DAMAGED),
    )


@st.composite
def a_case(draw: st.DrawFn, *, rollback: bool) -> Case:
    names = draw(SOME_NAMES)
    hosts = tuple(draw(a_host(name, rollback=rollback)) for name in names)
    size = draw(st.integers(1, len(names)))
    batches = tuple(tuple(names[n : n + size]) for n in range(0, len(names), size))
    # `--hosts` may have left out hosts that migrate_on names.
    migrate_on = tuple(draw(MIGRATE_ON))
    hooks = draw(st.sampled_from([{}, HOOKS]))
    choices = Choices(batches=batches, migrate_on=migrate_on, hooks=hooks)
    policy = Policy(on_failure=draw(st.sampled_from(["back", "stop", "continue"])))
    return Case(hosts, choices, policy, rollback, draw(st.booleans()))


@dataclass
class Ran:
    """How a case went: the printed plan, the calls, the outcome or the error."""

    plan: Plan
    log: list[Called]
    before: Mapping[str, str | None]
    outcome: Outcome | None = None
    error: DeployKitError | None = None


def run(case: Case) -> Ran:
    log: list[Called] = []

    def hook(name: str, _: Mapping[str, str]) -> None:
        log.append(Called(name))

    transports = {host.name: Recording(host, log) for host in case.hosts}
    request = ReleaseRequest("ann@laptop", hook=hook)
    fleet = Fleet(transports, case.policy, request, Quiet(), sleep=lambda _: None)

    def make_plan(facts: Mapping[str, HostFacts]) -> Plan:
        if not case.rollback:
            return plan_of(facts, case.choices, "shop.Bucket" if case.remote else "")
        return rollback_plan(rollback_targets(facts), facts, case.choices)

    plan = make_plan({host.name: host.facts() for host in case.hosts})
    ran = Ran(plan, log, {host.name: host.live for host in case.hosts})
    sender = None if case.rollback else cast(Sender, FakeSender())
    try:
        if plan.steps:
            ran.outcome = execute(fleet, plan, Errand("releasing", "3.11", make_plan, sender))
    except DeployKitError as error:
        ran.error = error
    return ran


def walked(plan: Plan, log: Sequence[Called]) -> tuple[list[Step], list[Called]]:
    """Match calls to steps, in order; return the steps reached and the calls that fit in none.

    A call belongs to the step under way, or begins a later one: steps that call nothing (there was
    nothing to do) are passed over.
    """
    place, reached = 0, list[Step]()
    for number, called in enumerate(log):
        fits = [n for n in range(place, len(plan.steps)) if _fits(plan.steps[n], called)]
        if not fits:
            return reached, list(log[number:])
        place = fits[0]
        reached += (
            [plan.steps[place]] if not reached or reached[-1] is not plan.steps[place] else []
        )
    return reached, []


def _fits(step: Step, called: Called) -> bool:
    if not called.host:
        return step.kind == called.verb
    ours = step.kind in MAY.get(called.verb, ()) and called.host in step.hosts
    return ours and (called.verb != "switch" or called.release == step.release)


def is_undo(called: Called, plan: Plan) -> bool:
    """Whether a call may follow a failure: back, asking how it ended, the journal, the hook."""
    if called.verb in ("after_failure", "failed"):
        return True
    back = called.verb == "switch" and called.release != plan.target(called.host)
    return called.host in plan.hosts("switch") and (back or called.verb == "settle")


def check(case: Case) -> None:
    ran = run(case)
    if not ran.plan.steps:
        assert (ran.log, ran.outcome, ran.error) == ([], None, None)
        return
    reached, rest = walked(ran.plan, ran.log)
    failed = ran.error is not None or bool(ran.outcome and ran.outcome.errors)
    assert not rest or failed
    assert all(is_undo(called, ran.plan) for called in rest)
    _every_step_reached_its_hosts(ran, reached, rest)
    _the_end_is_true(case, ran)


def _every_step_reached_its_hosts(
    ran: Ran, reached: Sequence[Step], rest: Sequence[Called]
) -> None:
    """All steps before the last one reached were carried out on all of their hosts."""
    planned = list(ran.plan.steps)
    until = planned.index(reached[-1]) if rest or ran.error else len(planned)
    before = {(one.verb, one.host, one.release) for one in ran.log[: len(ran.log) - len(rest)]}
    for step in planned[:until]:
        verb = VERB.get(step.kind, step.kind)
        if step.kind not in ALWAYS and step.kind != "lock":
            continue
        for host in step.hosts:
            assert any(called[:2] == (verb, host) for called in before) or _had_nothing_to_do(
                ran, step
            ), (step, host)


def _had_nothing_to_do(ran: Ran, step: Step) -> bool:
    """A rollback leaves out hosts whose interrupted switch was settled to the target."""
    return step.kind == "switch" and ran.plan.action == "rollback"


def _the_end_is_true(case: Case, ran: Ran) -> None:
    """The outcome says what is live; undoing covered the host whose switch failed."""
    assert all(not host.locked_by for host in case.hosts)
    if ran.outcome is None:
        switched = [called for called in ran.log if called.verb == "switch"]
        assert not switched
        return
    for host in case.hosts:
        claimed = ran.outcome.live[host.name]
        assert claimed == host.live or (claimed is None and ran.outcome.code == HALF_DONE)
    if ran.outcome.code == LIVE:
        wanted = {host: ran.plan.target(host) for host in ran.plan.hosts("switch")}
        assert {name: ran.outcome.live[name] for name in wanted} == wanted
    elif case.policy.on_failure == "back":
        _everything_is_taken_back(case, ran, ran.outcome)


def _everything_is_taken_back(case: Case, ran: Ran, outcome: Outcome) -> None:
    """Hosts that switched are back, the one that failed too, unless the outcome says otherwise."""
    excused = ("could not be taken back", "was switched; nothing was live before")
    for host in case.hosts:
        unknown = outcome.live[host.name] is None
        if not unknown and not outcome.errors.get(host.name, "").startswith(excused):
            assert host.live == ran.before[host.name]
    if outcome.code == TAKEN_BACK:
        assert len(set(outcome.live.values())) == 1


@settings(max_examples=150, deadline=None)
@given(case=a_case(rollback=False))
def test_a_release_executes_its_plan(case: Case) -> None:
    check(case)


@settings(max_examples=75, deadline=None)
@given(case=a_case(rollback=True))
def test_a_rollback_executes_its_plan(case: Case) -> None:
    check(case)
