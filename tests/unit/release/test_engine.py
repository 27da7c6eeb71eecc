"""Carrying out a release on hosts in memory: its steps, locks and hooks."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

import pytest

from django_deploykit.errors import DeployKitError, Problems
from django_deploykit.runtime.base.errors import LIVE, LOCKED
from django_deploykit.runtime.wire.events import Activity, HostWarning
from tests.unit.release.engines import PENDING, Notes, engine_for, plan_of, release
from tests.unit.release.fakes import BEFORE, LAYERS, NEW, OLD, REPORTED, FakeTransport, Host

pytestmark = pytest.mark.usefixtures("no_pauses")


STEPS = ("receive", "stage", "check", "migrate", "switch", "prune")


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


def test_what_a_host_warns_of_while_it_switches_is_in_the_outcome() -> None:
    events = [Activity("start"), HostWarning("worker was killed")]
    hosts = [Host(name="web1"), Host(name="web2", tells={"switch": events})]
    outcome = release(engine_for(*hosts))
    assert (outcome.code, outcome.warnings) == (LIVE, ["web2: worker was killed"])


def test_a_switch_that_fails_runs_the_hook_on_failure() -> None:
    ran: list[str] = []
    host = Host(fails={"switch": [REPORTED]})
    release(engine_for(host, hook=lambda name, _: ran.append(name)))
    assert ran == ["before_switch", "after_failure"]


def test_rolls_back_on_all_hosts() -> None:
    hosts = [Host(name="web1", live=NEW), Host(name="web2", live=NEW)]
    engine = engine_for(*hosts)
    outcome = engine.switch_only(["web1", "web2"], OLD, "rollback", {"web1": NEW, "web2": NEW})
    assert (outcome.code, [host.live for host in hosts]) == (LIVE, [OLD, OLD])
