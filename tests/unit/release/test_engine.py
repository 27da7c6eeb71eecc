"""Carrying out a release on hosts in memory, with every step failing in every way."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from django_deploykit.errors import DeployKitError, Problems
from django_deploykit.progress import Quiet
from django_deploykit.release import fanout
from django_deploykit.release.engine import Engine
from django_deploykit.release.outcome import Outcome
from django_deploykit.release.plan import Plan, make_plan
from django_deploykit.release.request import Request
from django_deploykit.release.transport import LostError
from django_deploykit.runtime.errors import HALF_DONE, LIVE, LOCKED, TAKEN_BACK
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
    new_manifest,
)

STEPS = ("receive", "stage", "check", "migrate", "switch", "prune")
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
BREAKING = {
    "migrations": [
        {
            "database": "default",
            "place": "postgresql://db/shop",
            "pending": [
                {
                    "app": "shop",
                    "name": "0003_drop",
                    "operations": [
                        {"describe": "Remove field note", "breaks": True, "why": "it is asked for"}
                    ],
                }
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


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django_deploykit.release.switching.time.sleep", lambda _: None)


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


def test_puts_a_release_live_and_leaves_nothing_to_do() -> None:
    host = Host(report=PENDING)
    engine = engine_for(host)
    outcome = release(engine)
    assert (outcome.code, outcome.live, outcome.errors) == (LIVE, {"web1": NEW}, {})
    # What could not be asked while migrations waited is asked behind them.
    assert host.calls == ["hold", *STEPS[:4], "check", *STEPS[4:]]
    assert host.migrated == ["default"]
    assert outcome.bytes == {"web1": 200}
    assert outcome.migrated == ["web1: default"]
    assert plan_of(engine).steps == ()


@pytest.mark.parametrize("how", [BEFORE, AFTER, REPORTED])
@pytest.mark.parametrize("verb", STEPS)
def test_a_failure_at_any_step_leaves_one_release_serving_and_a_retry_converges(
    verb: str, how: str
) -> None:
    host = Host(report=PENDING, fails={verb: [how]})
    engine = engine_for(host)
    try:
        outcome = release(engine)
        code = outcome.code
        if code == LIVE:
            assert outcome.live == {"web1": host.live}
    except DeployKitError as error:
        code = error.exit_code
        assert host.live == OLD
        assert "switch" not in host.calls
    assert host.live in (OLD, NEW)
    assert host.locked_by == ""
    if verb in ("receive", "stage", "check", "migrate"):
        assert code == 1
    host.report = {}
    again = release(engine_for(host))
    assert (again.code, host.live) == (LIVE, NEW)
    assert plan_of(engine_for(host)).steps == ()


@pytest.mark.parametrize("how", [BEFORE, AFTER])
def test_a_connection_lost_while_switching_is_asked_about(how: str) -> None:
    host = Host(fails={"switch": [how]})
    outcome = release(engine_for(host))
    expected = NEW if how == AFTER else OLD
    assert outcome.live == {"web1": expected} == {"web1": host.live}
    assert outcome.code == (LIVE if how == AFTER else TAKEN_BACK)
    assert "settle" in host.calls


def test_a_host_that_stays_away_while_switching_is_said_to_be_unknown() -> None:
    host = Host(fails={"switch": [BEFORE], "settle": [BEFORE] * 6})
    outcome = release(engine_for(host))
    assert outcome.code == HALF_DONE
    assert outcome.live == {"web1": None}
    assert "broke" in outcome.errors["web1"]


@pytest.mark.parametrize("how", [BEFORE, AFTER, REPORTED])
@pytest.mark.parametrize("failing", [0, 1, 2])
def test_one_host_that_fails_takes_all_back(failing: int, how: str) -> None:
    hosts = [Host(name=f"web{number}") for number in (1, 2, 3)]
    hosts[failing].fails["switch"] = [how]
    outcome = release(engine_for(*hosts))
    serving = {host.name: host.live for host in hosts}
    assert outcome.live == serving
    if how == AFTER:  # it had taken effect: nothing failed
        assert (outcome.code, set(serving.values())) == (LIVE, {NEW})
    else:
        assert (outcome.code, set(serving.values())) == (TAKEN_BACK, {OLD})
        assert all("prune" not in host.calls for host in hosts)


def test_a_host_whose_interrupted_switch_was_taken_back_is_so_again() -> None:
    # When the plan was made the new release was `current` there, half switched.
    hosts = [Host(live=NEW, switching=True, reverts_to=OLD), Host(name="web2")]
    hosts[1].fails["switch"] = [REPORTED]
    outcome = release(engine_for(*hosts))
    assert [host.live for host in hosts] == [OLD, OLD]
    assert outcome.live == {"web1": OLD, "web2": OLD}
    assert outcome.code == TAKEN_BACK


NEWER = {
    "migrations": [
        {"database": "default", "unknown": ["shop.0003_drop"], "back": {"shop": "0002_note"}}
    ]
}


def test_older_code_is_refused_where_a_migration_broke_it_and_told_the_way_back() -> None:
    host = Host(report=NEWER, kin={"same": False, "judged": {"shop.0003_drop": True}})
    host.reports = [NEWER, {"migrations": []}]  # the live release knows it
    with pytest.raises(Problems) as caught:
        release(engine_for(host))
    assert host.live == OLD
    assert "nothing was switched" in caught.value.message
    assert "production --exec -- migrate --database default shop 0002_note" in caught.value.message


@pytest.mark.parametrize(
    "kin",
    [
        {"same": True},
        {"same": False, "judged": {"shop.0003_drop": False}},
        {"same": False},  # and the live release does not know it either: it was there before
    ],
)
def test_older_code_goes_live_where_nothing_that_was_migrated_breaks_it(
    kin: dict[str, Any],
) -> None:
    host = Host(report=NEWER, kin=kin)
    assert release(engine_for(host)).code == LIVE
    assert host.live == NEW


def test_a_first_release_on_a_database_that_others_changed_is_not_judged() -> None:
    host = Host(live=None, report=NEWER)
    assert release(engine_for(host)).code == LIVE
    assert "kin" not in host.calls


@pytest.mark.parametrize(
    ("policy", "live"), [("stop", [NEW, OLD, OLD]), ("continue", [NEW, OLD, NEW])]
)
def test_the_policy_says_what_follows_a_failure(policy: str, live: list[str]) -> None:
    hosts = [Host(name=f"web{number}") for number in (1, 2, 3)]
    hosts[1].fails["switch"] = [REPORTED]
    outcome = release(engine_for(*hosts, policy=Policy(on_failure=policy)))
    assert [host.live for host in hosts] == live
    assert list(outcome.live.values()) == live
    assert outcome.code == HALF_DONE


def test_what_cannot_be_taken_back_is_said() -> None:
    hosts = [Host(name="web1"), Host(name="web2", fails={"switch": [REPORTED]})]
    hosts[0].fails["switch"] = ["", REPORTED]
    outcome = release(engine_for(*hosts))
    assert outcome.code == HALF_DONE
    assert "could not be taken back" in outcome.errors["web1"]
    assert outcome.live == {"web1": NEW, "web2": OLD}


def test_a_first_release_has_nothing_to_go_back_to() -> None:
    hosts = [
        Host(name="web1", live=None, staged=set()),
        Host(name="web2", live=None, staged=set(), fails={"switch": [REPORTED]}),
    ]
    outcome = release(engine_for(*hosts))
    assert outcome.code == HALF_DONE
    assert outcome.live == {"web1": NEW, "web2": None}


def test_hosts_switch_in_batches() -> None:
    hosts = [Host(name=f"web{number}") for number in (1, 2, 3, 4)]
    hosts[1].fails["switch"] = [REPORTED]
    batches = (("web1", "web2"), ("web3", "web4"))
    outcome = release(engine_for(*hosts, batches=batches, policy=Policy(on_failure="stop")))
    assert [host.live for host in hosts] == [NEW, OLD, OLD, OLD]
    assert "switch" not in hosts[2].calls
    assert outcome.code == HALF_DONE


def test_one_host_that_cannot_be_asked_stops_it_before_anything_is_locked() -> None:
    hosts = [Host(name="web1"), Host(name="web2", fails={"facts": [BEFORE]})]
    with pytest.raises(Problems) as caught:
        engine_for(*hosts).facts("3.11")
    assert "web2" in caught.value.message
    assert "web1" not in caught.value.message


def test_what_refuses_on_the_others_is_told_with_a_host_that_cannot_be_asked() -> None:
    hosts = [Host(name="web1"), Host(name="web2", fails={"facts": [BEFORE]}), Host(name="web3")]
    with pytest.raises(Problems) as caught:
        engine_for(*hosts).facts(
            "3.11", refused=lambda some: [f"{one.host} is odd" for one in some]
        )
    broke = "web2: the connection to web2 broke"
    assert caught.value.problems == (broke, "web1 is odd", "web3 is odd")
    assert "cannot go there" in caught.value.message


@pytest.mark.parametrize("locked", ["web1", "web2", "web3"])
def test_a_lock_that_another_holds_refuses_and_frees_the_others(locked: str) -> None:
    hosts = [Host(name=f"web{number}") for number in (3, 1, 2)]
    for host in hosts:
        host.locked_by = "bob" if host.name == locked else ""
    engine = engine_for(*hosts)
    with pytest.raises(DeployKitError) as caught, engine.locks("releasing"):
        pass
    assert caught.value.exit_code == LOCKED
    assert f"{locked}: bob holds the lock" in caught.value.message
    assert {host.name: host.locked_by for host in hosts} == {
        host.name: "bob" if host.name == locked else "" for host in hosts
    }


def test_a_host_that_cannot_be_locked_for_another_reason_is_named() -> None:
    hosts = [Host(name="web1"), Host(name="web2", fails={"hold": [BEFORE]})]
    with pytest.raises(Problems) as caught, engine_for(*hosts).locks("releasing"):
        pass
    assert "web2: the connection to web2 broke" in caught.value.message
    assert all(not host.locked_by for host in hosts)


def test_the_locks_are_free_after_an_error_inside() -> None:
    hosts = [Host(name="web1"), Host(name="web2")]
    engine = engine_for(*hosts)
    with contextlib.suppress(ZeroDivisionError), engine.locks("releasing", "3.11") as facts:
        assert [one.host for one in facts] == ["web1", "web2"]
        assert [host.locked_by for host in hosts] == ["ann@laptop"] * 2
        raise ZeroDivisionError
    assert [host.locked_by for host in hosts] == ["", ""]


def test_a_lock_that_is_lost_stops_it_before_the_switch() -> None:
    host = Host()
    engine = engine_for(host)
    transport = engine.transports["web1"]
    assert isinstance(transport, FakeTransport)

    def lose(verb: str) -> None:
        if verb == "check":
            engine._locks["web1"]._ended.set()

    transport.on_call = lose
    with pytest.raises(DeployKitError, match="the lock was lost on web1"):
        release(engine)
    assert host.live == OLD


def test_damaged_layers_are_sent_again() -> None:
    host = Host(damaged=[LAYERS[1].sha256])
    notes = Notes()
    outcome = release(engine_for(host, progress=notes))
    assert outcome.code == LIVE
    assert host.calls.count("stage") == 2
    assert outcome.bytes["web1"] == 300
    assert any("sent again" in line for line in notes.lines)


def test_layers_that_stay_damaged_end_it() -> None:
    host = Host(damaged=[LAYERS[1].sha256] * 3)
    with pytest.raises(Problems, match="stay damaged"):
        release(engine_for(host))
    assert host.live == OLD


def test_findings_of_the_check_refuse_it_and_are_named() -> None:
    finding = {"id": "deploykit.E101", "level": "error", "message": "DEBUG is on", "hint": "off"}
    host = Host(code=1, report={"findings": [finding, {**finding, "level": "warning", "id": "W"}]})
    with pytest.raises(Problems) as caught:
        release(engine_for(host))
    assert "web1: deploykit.E101: DEBUG is on (off)" in caught.value.message
    assert "W:" not in caught.value.message
    assert host.live == OLD


def test_breaking_migrations_are_named_and_need_a_yes() -> None:
    asked: list[str] = []

    def confirm(question: str) -> bool:
        asked.append(question)
        return len(asked) > 1

    host = Host(report=BREAKING)
    for noinput in (True, False):
        with pytest.raises(Problems) as caught:
            release(engine_for(host, noinput=noinput, confirm=confirm))
        assert "shop.0003_drop: Remove field note: it is asked for" in caught.value.message
        assert "allow_breaking_migrations" in caught.value.hint
        assert (host.live, host.migrated) == (OLD, [])
    assert len(asked) == 1
    assert release(engine_for(host, confirm=confirm)).code == LIVE
    assert host.migrated == ["default"]


SICK = {"id": "deploykit.E814", "level": "ERROR", "message": "GET /up answered 500"}


def test_a_release_that_is_sick_behind_its_migrations_is_not_switched_to() -> None:
    host = Host(report=PENDING)
    engine = engine_for(host)

    def fall_sick(verb: str) -> None:
        if verb == "migrate":
            host.code, host.report = 1, {"findings": [SICK]}

    cast(FakeTransport, engine.transports["web1"]).on_call = fall_sick
    with pytest.raises(Problems) as caught:
        release(engine)
    assert "the migrations ran, but nothing was switched" in caught.value.message
    assert "web1: deploykit.E814: GET /up answered 500" in caught.value.message
    assert (host.live, host.migrated) == (OLD, ["default"])


def test_what_both_checks_find_is_told_once() -> None:
    host = Host(report={**PENDING, "findings": [{**SICK, "level": "WARNING"}]})
    outcome = release(engine_for(host))
    assert host.calls.count("check") == 2
    assert [one["id"] for one in outcome.findings] == ["deploykit.E814"]


def test_breaking_migrations_run_where_the_project_allows_them() -> None:
    host = Host(report=BREAKING)
    policy = Policy(allow_breaking_migrations=True)
    assert release(engine_for(host, noinput=True, policy=policy)).code == LIVE
    assert host.migrated == ["default"]


def test_a_shared_database_is_migrated_once_on_the_host_that_is_named() -> None:
    hosts = [Host(name=f"web{number}", report=PENDING) for number in (1, 2, 3)]
    release(engine_for(*hosts, migrate_on=("web2", "web3")))
    assert [host.migrated for host in hosts] == [[], ["default"], []]


def test_hooks_run_in_order_and_one_that_fails_before_the_switch_stops_it() -> None:
    ran: list[str] = []

    def hook(name: str, facts: Mapping[str, str]) -> None:
        ran.append(name)
        if name == "before_switch" and len(ran) < 5:
            raise DeployKitError("the hook failed")

    host = Host(report=PENDING)
    with pytest.raises(DeployKitError, match="the hook failed"):
        release(engine_for(host, hook=hook))
    assert host.live == OLD
    assert ran == ["before_migrate", "after_migrate", "before_switch", "after_failure"]
    ran += ["again"]
    assert release(engine_for(host, hook=hook)).code == LIVE
    assert ran[5:] == ["before_migrate", "after_migrate", "before_switch", "after_switch"]


def test_a_switch_that_fails_runs_the_hook_on_failure() -> None:
    ran: list[str] = []
    host = Host(fails={"switch": [REPORTED]})
    release(engine_for(host, hook=lambda name, _: ran.append(name)))
    assert ran == ["before_switch", "after_failure"]


def test_an_interrupted_switch_is_settled_first() -> None:
    host = Host(switching=True)
    assert release(engine_for(host)).code == LIVE
    assert host.calls[:2] == ["hold", "settle"]


def test_ctrl_c_between_batches_takes_back_what_was_switched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hosts = [Host(name="web1"), Host(name="web2")]
    rounds: list[int] = []

    def each(transports: Any, names: Any, work: Any) -> Any:
        done, errors = fanout.each(transports, names, work)
        rounds.append(1)
        if len(rounds) == 1:
            raise fanout.Interruption(done, errors)
        return done, errors

    monkeypatch.setattr("django_deploykit.release.switching.each", each)
    outcome = release(engine_for(*hosts))
    assert [host.live for host in hosts] == [OLD, OLD]
    assert outcome.code == TAKEN_BACK
    assert "interrupted" in outcome.errors["web2"]


def test_rolls_back_on_all_hosts() -> None:
    hosts = [Host(name="web1", live=NEW), Host(name="web2", live=NEW)]
    engine = engine_for(*hosts)
    outcome = engine.switch_only(["web1", "web2"], OLD, "rollback", {"web1": NEW, "web2": NEW})
    assert (outcome.code, [host.live for host in hosts]) == (LIVE, [OLD, OLD])


def test_lost_is_an_error_like_others() -> None:
    assert issubclass(LostError, DeployKitError)
