"""Asking hosts for facts, and carrying out steps on them."""

from __future__ import annotations

import pytest

from django_deploykit.errors import Problems
from django_deploykit.runtime.deploy.plan import Step
from django_deploykit.runtime.wire.facts import FACTS
from tests.unit.release.fakes import BEFORE, Host
from tests.unit.release.fleets import Notes, fleet_of


def test_facts_come_by_host_in_the_order_of_the_inventory() -> None:
    hosts = [Host(name="web2"), Host(name="web1", live=None)]
    facts = fleet_of(*hosts).facts("3.11")
    assert [(name, one.live is None) for name, one in facts.items()] == [
        ("web2", False),
        ("web1", True),
    ]


def test_one_host_that_cannot_be_asked_is_named_before_anything_is_locked() -> None:
    hosts = [Host(name="web1"), Host(name="web2", fails={"facts": [BEFORE]})]
    with pytest.raises(Problems) as caught:
        fleet_of(*hosts).facts("3.11")
    assert caught.value.problems == ("web2: the connection to web2 broke",)
    assert "these hosts did not answer" in caught.value.message
    assert all("hold" not in host.calls for host in hosts)


def test_refusals_of_the_others_are_reported_with_a_host_that_cannot_be_asked() -> None:
    hosts = [Host(name="web1"), Host(name="web2", fails={"facts": [BEFORE]}), Host(name="web3")]
    with pytest.raises(Problems) as caught:
        fleet_of(*hosts).facts("3.11", lambda some: [f"{host} is odd" for host in some])
    broke = "web2: the connection to web2 broke"
    assert caught.value.problems == (broke, "web1 is odd", "web3 is odd")
    assert "cannot go to these hosts" in caught.value.message


def test_work_that_fails_on_a_host_is_raised_with_its_name_after_all_have_ended() -> None:
    hosts = [Host(name="web1", fails={"facts": [BEFORE]}), Host(name="web2")]
    fleet = fleet_of(*hosts)
    with pytest.raises(Problems) as caught:
        fleet.all(["web1", "web2"], lambda one: one.call(FACTS))
    assert caught.value.problems == ("web1: the connection to web1 broke",)
    assert "nothing was switched; what is live stays live" in caught.value.message
    assert hosts[1].calls == ["facts"]


def test_steps_are_timed_and_idle_ones_say_why() -> None:
    notes = Notes()
    fleet = fleet_of(Host(), progress=notes)
    steps = [Step("a", ("web1",), ""), Step("b", (), ""), Step("a", (), "")]
    left = fleet.walk(steps, {"a": lambda _: "", "b": lambda _: "it is Sunday"})
    assert left == ()
    assert set(fleet.outcome.seconds) == {"a", "b"}
    assert notes.lines == ["b: nothing to do, it is Sunday"]
