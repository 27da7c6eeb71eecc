"""Carrying out a release on hosts in memory: its steps, locks and hooks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from django_deploykit.errors import DeployKitError, Problems
from django_deploykit.runtime.base.errors import LIVE, LOCKED, TAKEN_BACK
from django_deploykit.runtime.deploy.plan import Choices
from django_deploykit.runtime.wire.events import Activity, HostWarning
from tests.unit.release.fakes import BEFORE, LAYERS, NEW, OLD, REPORTED, FakeTransport, Host
from tests.unit.release.fleets import (
    HOOKS,
    PENDING,
    Notes,
    fleet_of,
    plan_of,
    release,
    roll_back,
)

STEPS = ("receive", "stage", "check", "migrate", "switch", "prune")


def test_puts_a_release_live_and_leaves_nothing_to_do() -> None:
    host = Host(report=PENDING)
    fleet = fleet_of(host)
    outcome = release(fleet)
    assert (outcome.code, outcome.live, outcome.errors) == (LIVE, {"web1": NEW}, {})
    # The health path cannot be requested while migrations are pending: so it is checked again.
    assert host.calls == ["facts", "hold", *STEPS[:4], "check", *STEPS[4:]]
    assert host.migrated == ["default"]
    assert outcome.bytes == {"web1": 200}
    assert outcome.migrated == ["web1: default"]
    assert plan_of(fleet.facts("3.11")).steps == ()


@pytest.mark.parametrize("locked", ["web1", "web2", "web3"])
def test_a_lock_that_another_holds_refuses_and_frees_the_others(locked: str) -> None:
    hosts = [Host(name=f"web{number}") for number in (3, 1, 2)]
    for host in hosts:
        host.locked_by = "bob" if host.name == locked else ""
    with pytest.raises(DeployKitError) as caught:
        release(fleet_of(*hosts))
    assert caught.value.exit_code == LOCKED
    assert f"{locked}: bob holds the lock" in caught.value.message
    assert {host.name: host.locked_by for host in hosts} == {
        host.name: "bob" if host.name == locked else "" for host in hosts
    }
    assert all(host.calls[-1] == "hold" for host in hosts)


def test_a_host_that_cannot_be_locked_for_another_reason_is_named() -> None:
    hosts = [Host(name="web1"), Host(name="web2", fails={"hold": [BEFORE]})]
    with pytest.raises(Problems) as caught:
        release(fleet_of(*hosts))
    assert "web2: the connection to web2 broke" in caught.value.message
    assert all(not host.locked_by for host in hosts)


def test_the_locks_are_held_during_the_steps_and_free_after_an_error() -> None:
    hosts = [Host(name="web1"), Host(name="web2")]
    seen: list[list[str]] = []

    def hook(name: str, facts: Mapping[str, str]) -> None:
        seen.append([host.locked_by for host in hosts])
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        release(fleet_of(*hosts, hook=hook), Choices(hooks=HOOKS))
    assert seen == [["ann@laptop"] * 2]
    assert [host.locked_by for host in hosts] == ["", ""]


def test_a_lock_that_is_lost_stops_it_before_the_switch() -> None:
    host = Host()
    fleet = fleet_of(host)
    transport = fleet.transports["web1"]
    assert isinstance(transport, FakeTransport)
    transport.on_call = lambda verb: transport.lose_lock() if verb == "check" else None
    with pytest.raises(DeployKitError, match="the deploy lock was lost on web1"):
        release(fleet)
    assert host.live == OLD


def test_the_plan_is_made_again_under_the_lock() -> None:
    host, notes = Host(), Notes()
    fleet = fleet_of(host, progress=notes)
    plan = plan_of(fleet.facts("3.11"))
    host.live, host.staged, host.layers = NEW, {OLD, NEW}, {layer.sha256 for layer in LAYERS}
    assert release(fleet, plan=plan).live == {"web1": OLD}  # nothing was done: somebody else did
    assert host.calls == ["facts", "hold"]
    assert "the hosts changed meanwhile; the plan was made again" in notes.lines


def test_steps_with_nothing_to_do_are_walked_and_say_so() -> None:
    notes = Notes()
    outcome = release(fleet_of(Host(), progress=notes), Choices(hooks=HOOKS))
    assert "migrate: nothing to do, no migrations are pending" in notes.lines
    assert "before_migrate: nothing to do, no migrations are pending" in notes.lines
    assert "recheck: nothing to do, no migrations ran" in notes.lines
    assert {"migrate", "recheck"} <= set(outcome.seconds)


def test_damaged_layers_are_sent_again() -> None:
    host = Host(damaged=[LAYERS[1].sha256])
    notes = Notes()
    outcome = release(fleet_of(host, progress=notes))
    assert outcome.code == LIVE
    assert host.calls.count("stage") == 2
    assert outcome.bytes["web1"] == 300
    assert any("sent again" in line for line in notes.lines)


def test_layers_that_stay_damaged_end_it() -> None:
    host = Host(damaged=[LAYERS[1].sha256] * 3)
    with pytest.raises(Problems, match="still damaged"):
        release(fleet_of(host))
    assert host.live == OLD


def test_findings_of_the_check_refuse_it_and_are_named() -> None:
    finding = {"id": "deploykit.E101", "level": "error", "message": "DEBUG is on", "hint": "off"}
    host = Host(code=1, report={"findings": [finding, {**finding, "level": "warning", "id": "W"}]})
    with pytest.raises(Problems) as caught:
        release(fleet_of(host))
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
    choices = Choices(hooks=HOOKS)
    with pytest.raises(DeployKitError, match="the hook failed"):
        release(fleet_of(host, hook=hook), choices)
    assert host.live == OLD
    assert ran == ["before_migrate", "after_migrate", "before_switch", "after_failure"]
    ran += ["again"]
    assert release(fleet_of(host, hook=hook), choices).code == LIVE
    assert ran[5:] == ["before_migrate", "after_migrate", "before_switch", "after_switch"]


def test_what_a_host_warns_of_while_it_switches_is_in_the_outcome() -> None:
    events = [Activity("start"), HostWarning("worker was killed")]
    hosts = [Host(name="web1"), Host(name="web2", tells={"switch": events})]
    outcome = release(fleet_of(*hosts))
    assert (outcome.code, outcome.warnings) == (LIVE, ["web2: worker was killed"])


def test_what_a_host_warns_of_its_configuration_is_in_the_outcome() -> None:
    hosts = [Host(name="web1"), Host(name="web2", warnings=("shop.env has the mode 0644",))]
    assert release(fleet_of(*hosts)).warnings == ["web2: shop.env has the mode 0644"]


def test_a_switch_that_fails_runs_the_hook_on_failure() -> None:
    ran: list[str] = []
    host = Host(fails={"switch": [REPORTED]})
    release(fleet_of(host, hook=lambda name, _: ran.append(name)), Choices(hooks=HOOKS))
    assert ran == ["before_switch", "after_failure"]


def back_on_new(name: str, **changes: Any) -> Host:
    return Host(name=name, **{"live": NEW, "staged": {OLD, NEW}, "kin": {"same": True}, **changes})


def test_rolls_back_on_all_hosts() -> None:
    hosts = [back_on_new("web1"), back_on_new("web2")]
    outcome = roll_back(fleet_of(*hosts))
    assert (outcome.code, outcome.release) == (LIVE, OLD)
    assert [host.live for host in hosts] == [OLD, OLD]
    assert hosts[0].calls == ["facts", "hold", "kin", "switch"]


def test_a_rollback_that_fails_takes_back_the_hosts_that_went_before() -> None:
    hosts = [back_on_new("web1"), back_on_new("web2", fails={"switch": [REPORTED]})]
    outcome = roll_back(fleet_of(*hosts))
    assert (outcome.code, outcome.live) == (TAKEN_BACK, {"web1": NEW, "web2": NEW})


def test_a_rollback_has_nothing_to_do_where_settling_went_back_already() -> None:
    host, notes = back_on_new("web1", switching=True, reverts_to=OLD), Notes()
    outcome = roll_back(fleet_of(host, progress=notes))
    assert (outcome.code, host.live) == (LIVE, OLD)
    assert host.calls == ["facts", "hold", "settle", "kin"]
    assert f"switch: nothing to do, {OLD} is live already" in notes.lines
