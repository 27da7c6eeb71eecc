"""Switching one batch, and taking hosts back."""

from __future__ import annotations

import pytest

from django_deploykit.errors import DeployKitError
from django_deploykit.progress import Quiet
from django_deploykit.release.outcome import Outcome
from django_deploykit.release.report.timeline import Timeline
from django_deploykit.release.switching import Switching, find_out
from django_deploykit.release.transports.base import LostError
from django_deploykit.runtime.base.errors import HALF_DONE, LIVE, REFUSED, TAKEN_BACK
from django_deploykit.runtime.deploy.plan import Step
from tests.unit.release.fakes import (
    BEFORE,
    NEW,
    OLD,
    REPORTED,
    UNTOUCHED,
    FakeTransport,
    Host,
)


def switching(*hosts: Host) -> Switching:
    outcome = Outcome(NEW, live={host.name: host.live for host in hosts})
    transports = {host.name: FakeTransport(host) for host in hosts}
    timeline = Timeline(Quiet())
    return Switching(transports, "ann", outcome, Quiet(), timeline, sleep=lambda _: None)


def batch(*hosts: Host) -> Step:
    return Step("switch", tuple(host.name for host in hosts), "", release=NEW)


def staged(name: str, **changes: object) -> Host:
    return Host(name=name, staged={OLD, NEW}, **changes)  # type: ignore[arg-type]


def test_a_host_that_fails_does_not_hide_that_another_switched() -> None:
    hosts = [staged("web1"), staged("web2", fails={"switch": [REPORTED]})]
    found = switching(*hosts)
    assert found.switch(batch(*hosts), "release") == ""
    assert found.outcome.live == {"web1": NEW, "web2": OLD}
    assert list(found.outcome.errors) == ["web2"]


@pytest.mark.parametrize(("policy", "live", "code"), [("back", OLD, TAKEN_BACK), ("stop", NEW, 5)])
def test_the_policy_decides_about_hosts_that_have_switched(
    policy: str, live: str, code: int
) -> None:
    hosts = [staged("web1"), staged("web2", fails={"switch": [REPORTED]})]
    found = switching(*hosts)
    found.switch(batch(*hosts), "release")
    found.conclude(policy)
    assert (hosts[0].live, found.outcome.live["web1"], found.outcome.code) == (live, live, code)


def refused(name: str = "web1") -> Host:
    return staged(name, fails={"switch": [UNTOUCHED]})


def test_a_switch_that_every_host_refuses_has_changed_nothing() -> None:
    hosts = [refused("web1"), refused("web2")]
    found = switching(*hosts)
    found.switch(batch(*hosts), "rollback")
    found.conclude("back")
    assert (found.outcome.code, list(found.outcome.errors)) == (REFUSED, ["web1", "web2"])
    assert found.outcome.live == {"web1": OLD, "web2": OLD}


@pytest.mark.parametrize(
    ("other", "code"),
    [
        (staged("web2"), TAKEN_BACK),
        (staged("web2", fails={"switch": [REPORTED]}), TAKEN_BACK),
        (staged("web2", fails={"switch": [BEFORE], "settle": [BEFORE] * 6}), HALF_DONE),
        (staged("web2", fails={"switch": [BEFORE], "settle": [REPORTED]}), HALF_DONE),
    ],
)
def test_a_switch_that_another_host_began_was_not_only_refused(other: Host, code: int) -> None:
    hosts = [refused(), other]
    found = switching(*hosts)
    found.switch(batch(*hosts), "release")
    found.conclude("back")
    assert found.outcome.code == code


def test_a_rollback_leaves_out_hosts_that_are_back_already() -> None:
    host = staged("web1", live=NEW)
    found = switching(host)
    assert found.switch(batch(host), "rollback") == f"{NEW} is live already"
    assert (host.calls, found.outcome.code) == ([], LIVE)


def test_a_host_that_stays_away_is_unknown_and_not_taken_back() -> None:
    host = staged("web1", fails={"switch": [BEFORE], "settle": [BEFORE] * 6})
    found = switching(host)
    found.switch(batch(host), "release")
    found.conclude("back")
    assert (found.outcome.live, found.outcome.code) == ({"web1": None}, HALF_DONE)
    assert host.calls == ["switch", *["settle"] * 6]


def test_a_host_is_asked_with_growing_pauses_how_its_switch_ended() -> None:
    pauses: list[float] = []
    host = staged("web1", live=NEW, fails={"settle": [BEFORE] * 2})
    find_out(FakeTransport(host), NEW, LostError("gone"), pauses.append)
    assert pauses == [0, 2, 4]
    host.live = OLD
    with pytest.raises(DeployKitError, match=f"broke during the switch; {OLD} is live") as caught:
        find_out(FakeTransport(host), NEW, LostError("gone"), pauses.append)
    assert caught.value.exit_code == TAKEN_BACK


@pytest.mark.parametrize("problem", ["", "no web process runs"])
def test_after_a_broken_connection_the_release_that_was_live_before_must_answer(
    problem: str,
) -> None:
    host = staged("web1", live=NEW, problem=problem, fails={"switch": [BEFORE]})
    found = switching(host)
    found.switch(batch(host), "release")
    errors = [f"the connection broke during the switch; {NEW} is live, but {problem}"]
    assert list(found.outcome.errors.values()) == (errors if problem else [])


def test_what_a_host_says_about_its_switch_is_kept() -> None:
    host = staged("web1")
    found = switching(host)
    found.switch(batch(host), "release")
    assert found.outcome.back == {"web1": OLD}
