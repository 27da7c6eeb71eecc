"""A release whose hosts or steps fail: what serves then, what is told, and that a retry converges."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from django_deploykit.errors import DeployKitError
from django_deploykit.progress import Quiet
from django_deploykit.release.transports.base import LostError
from django_deploykit.runtime.base.errors import HALF_DONE, LIVE, REFUSED, TAKEN_BACK
from django_deploykit.runtime.deploy.plan import Choices
from tests.unit.release.fakes import (
    AFTER,
    BEFORE,
    NEW,
    OLD,
    REPORTED,
    UNTOUCHED,
    FakeTransport,
    Host,
)
from tests.unit.release.fleets import PENDING, Policy, fleet_of, plan_of, release, roll_back


@dataclass
class Impatient(Quiet):
    """Presses Ctrl-C after the step of that name was shown so many times."""

    name: str
    times: int

    @contextmanager
    def step(self, name: str, hosts: Sequence[str] = ()) -> Iterator[None]:
        yield
        if name == self.name:
            self.times -= 1
            if self.times == 0:
                raise KeyboardInterrupt


STEPS = ("receive", "stage", "check", "migrate", "switch", "prune")


@pytest.mark.parametrize("how", [BEFORE, AFTER, REPORTED])
@pytest.mark.parametrize("verb", STEPS)
def test_a_failure_at_any_step_leaves_one_release_serving_and_a_retry_converges(
    verb: str, how: str
) -> None:
    host = Host(report=PENDING, fails={verb: [how]})
    fleet = fleet_of(host)
    try:
        outcome = release(fleet)
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
    again = release(fleet_of(host))
    assert (again.code, host.live) == (LIVE, NEW)
    assert plan_of(fleet_of(host).facts("3.11")).steps == ()


@pytest.mark.parametrize("how", [BEFORE, AFTER])
def test_a_connection_lost_while_switching_is_asked_about(how: str) -> None:
    host = Host(fails={"switch": [how]})
    outcome = release(fleet_of(host))
    expected = NEW if how == AFTER else OLD
    assert outcome.live == {"web1": expected} == {"web1": host.live}
    assert outcome.code == (LIVE if how == AFTER else TAKEN_BACK)
    assert "settle" in host.calls


def test_a_host_that_stays_away_while_switching_is_said_to_be_unknown() -> None:
    host = Host(fails={"switch": [BEFORE], "settle": [BEFORE] * 6})
    outcome = release(fleet_of(host))
    assert outcome.code == HALF_DONE
    assert outcome.live == {"web1": None}
    assert "broke" in outcome.errors["web1"]


@pytest.mark.parametrize("how", [BEFORE, AFTER, REPORTED])
@pytest.mark.parametrize("failing", [0, 1, 2])
def test_one_host_that_fails_takes_all_back(failing: int, how: str) -> None:
    hosts = [Host(name=f"web{number}") for number in (1, 2, 3)]
    hosts[failing].fails["switch"] = [how]
    outcome = release(fleet_of(*hosts))
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
    outcome = release(fleet_of(*hosts))
    assert [host.live for host in hosts] == [OLD, OLD]
    assert outcome.live == {"web1": OLD, "web2": OLD}
    assert outcome.code == TAKEN_BACK


@pytest.mark.parametrize(
    ("policy", "live"), [("stop", [NEW, OLD, OLD]), ("continue", [NEW, OLD, NEW])]
)
def test_the_policy_says_what_follows_a_failure(policy: str, live: list[str]) -> None:
    hosts = [Host(name=f"web{number}") for number in (1, 2, 3)]
    hosts[1].fails["switch"] = [REPORTED]
    outcome = release(fleet_of(*hosts, policy=Policy(on_failure=policy)))
    assert [host.live for host in hosts] == live
    assert list(outcome.live.values()) == live
    assert outcome.code == HALF_DONE


def test_what_cannot_be_taken_back_is_said() -> None:
    hosts = [Host(name="web1"), Host(name="web2", fails={"switch": [REPORTED]})]
    hosts[0].fails["switch"] = ["", REPORTED]
    outcome = release(fleet_of(*hosts))
    assert outcome.code == HALF_DONE
    assert "could not be taken back" in outcome.errors["web1"]
    assert outcome.live == {"web1": NEW, "web2": OLD}


def test_a_first_release_has_nothing_to_go_back_to() -> None:
    hosts = [
        Host(name="web1", live=None, staged=set()),
        Host(name="web2", live=None, staged=set(), fails={"switch": [REPORTED]}),
    ]
    outcome = release(fleet_of(*hosts))
    assert outcome.code == HALF_DONE
    assert outcome.live == {"web1": NEW, "web2": None}


def test_hosts_switch_in_batches() -> None:
    hosts = [Host(name=f"web{number}") for number in (1, 2, 3, 4)]
    hosts[1].fails["switch"] = [REPORTED]
    batches = (("web1", "web2"), ("web3", "web4"))
    fleet = fleet_of(*hosts, policy=Policy(on_failure="stop"))
    outcome = release(fleet, Choices(batches=batches))
    assert [host.live for host in hosts] == [NEW, OLD, OLD, OLD]
    assert "switch" not in hosts[2].calls
    assert outcome.code == HALF_DONE


def test_an_interrupted_switch_is_settled_first() -> None:
    host = Host(switching=True)
    assert release(fleet_of(host)).code == LIVE
    assert host.calls[:3] == ["facts", "hold", "settle"]


def test_ctrl_c_during_a_batch_takes_back_what_was_switched() -> None:
    hosts = [Host(name="web1"), Host(name="web2")]
    fleet = fleet_of(*hosts)
    first = fleet.transports["web1"]
    assert isinstance(first, FakeTransport)
    pressed: list[str] = []

    def press(verb: str) -> None:
        if verb == "switch" and not pressed:
            pressed.append(verb)
            os.kill(os.getpid(), signal.SIGINT)

    first.on_call = press
    outcome = release(fleet)
    assert [host.live for host in hosts] == [OLD, OLD]
    assert outcome.code == TAKEN_BACK
    assert outcome.errors == {"web2": "not switched: interrupted"}
    assert "switch" not in hosts[1].calls


def test_ctrl_c_between_two_batches_takes_back_what_was_switched() -> None:
    hosts = [Host(name="web1"), Host(name="web2")]
    outcome = release(fleet_of(*hosts, progress=Impatient("switch", 1)))
    assert [host.live for host in hosts] == [OLD, OLD]
    assert (outcome.code, outcome.errors) == (TAKEN_BACK, {"web2": "not switched: interrupted"})


def test_ctrl_c_once_all_hosts_have_switched_leaves_the_release_live() -> None:
    host = Host()
    with pytest.raises(KeyboardInterrupt):
        release(fleet_of(host, progress=Impatient("switch", 1)))
    assert host.live == NEW
    assert host.failures == []


def test_a_refusal_after_migrations_is_in_the_journal_of_every_host() -> None:
    hosts = [Host(name="web1", report=PENDING), Host(name="web2", report=PENDING)]
    hosts[1].fails["check"] = ["", REPORTED]
    with pytest.raises(DeployKitError) as caught:
        release(fleet_of(*hosts))
    assert "web2: check failed here" in caught.value.message
    for host in hosts:
        (record,) = host.failures
        assert (record["--release"], record["--action"]) == (NEW, "release")
        assert record["--owner"] == "ann@laptop"
        assert "web2: check failed here" in record["--why"]
        assert record["--databases"] == "shop.0002_note on default applied"


def test_ctrl_c_after_migrations_is_in_the_journal() -> None:
    host = Host(report=PENDING)
    with pytest.raises(KeyboardInterrupt):
        release(fleet_of(host, progress=Impatient("migrate", 1)))
    (record,) = host.failures
    assert record["--why"] == "it was interrupted"
    assert record["--databases"] == "shop.0002_note on default applied"


@pytest.mark.parametrize("verb", ["switch", "hold"])
def test_what_has_switched_or_is_not_locked_is_not_journaled_again(verb: str) -> None:
    host = Host(fails={verb: [REPORTED]})
    try:
        assert release(fleet_of(host)).code == TAKEN_BACK
    except DeployKitError:
        assert verb == "hold"
    assert host.failures == []


def test_a_switch_that_is_refused_is_in_the_journal() -> None:
    host = Host(live=NEW, staged={OLD, NEW}, kin={"same": True}, fails={"switch": [UNTOUCHED]})
    assert roll_back(fleet_of(host)).code == REFUSED
    (record,) = host.failures
    assert (record["--release"], record["--action"]) == (OLD, "rollback")
    assert "switch was refused here" in record["--why"]


def test_lost_is_an_error_like_others() -> None:
    assert issubclass(LostError, DeployKitError)
