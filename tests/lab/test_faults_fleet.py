"""Faults of a fleet: of five hosts one is dead, dies while it switches, or comes later."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab.conftest import BootHost, Fleet
from tests.lab.fleet import PORT, Controller, current, facts_of, fill_in, live
from tests.lab.hosts import Host
from tests.lab.striking import ALL, Struck, left_over, name_of, other, serves, to
from tests.load import Load


@pytest.fixture(scope="module")
def controller(fleet: Fleet) -> Controller:
    """A controller with five hosts where ``one`` is live."""
    made = fleet(5)
    made.write_ini("batch = 2")
    made.setup().well()
    fill_in(*made.hosts)
    made.release("one").well()
    return made


@pytest.fixture(autouse=True)
def whole(controller: Controller) -> None:
    """All hosts serve the same release, whatever a test before left."""
    controller.write_ini("batch = 2")
    if len({current(host) for host in controller.hosts}) > 1:
        controller.be_live("one")


@pytest.fixture
def added(controller: Controller, boot_host: BootHost) -> Iterator[Host]:
    """A sixth host, in ``deploykit.ini`` while the test runs."""
    new = boot_host()
    controller.hosts.append(new)
    controller.know(*controller.hosts)
    controller.write_ini("batch = 2")
    yield new
    controller.hosts.remove(new)
    controller.know(*controller.hosts)


@pytest.fixture
def flow(controller: Controller) -> Iterator[Load]:
    """Ask the first host for pages while the test runs; not one may fail."""
    first = controller.hosts[0]
    with Load(PORT, "/", host=first.address, connections=2, pause=0.1) as running:
        yield running
    assert running.sent > 20
    assert running.failed == []


def all_live(controller: Controller, name: str) -> None:
    """Every host serves a release, and nothing is left over."""
    assert {live(host) for host in controller.hosts} == {controller.id(name)}
    assert [left_over(host) for host in controller.hosts] == [[]] * len(controller.hosts)


def test_a_host_that_is_added_later(controller: Controller, added: Host, flow: Load) -> None:
    new, before = added, name_of(controller, live(controller.hosts[0]))
    refused = controller.release(other(controller, controller.hosts[0]))
    assert refused.code == 1
    assert new.address in refused.data["error"]["message"]
    assert controller.hosts[0].address not in refused.data["error"]["message"]
    rows = controller.setup().well().data["hosts"]
    plans = [facts_of(rows, host)["plan"] for host in controller.hosts]
    assert [bool(plan) for plan in plans] == [False] * 5 + [True]
    fill_in(new)
    done = controller.release(before).well()
    sent = {name.partition("@")[2]: size for name, size in done.data["bytes"].items()}
    assert sent[new.address] > 1_000_000
    all_live(controller, before)


def test_a_host_that_is_dead(controller: Controller, flow: Load) -> None:
    dead = controller.hosts[2]
    before, target = live(controller.hosts[0]), other(controller, controller.hosts[0])
    dead.cut()
    try:
        refused = controller.release(target)
        assert refused.code == 1
        message = refused.data["error"]["message"]
        assert [host.address in message for host in controller.hosts] == [
            host is dead for host in controller.hosts
        ]
        assert "nothing was changed" in message
    finally:
        dead.boot()
    assert serves(dead) == before
    controller.release(target).well()
    all_live(controller, target)


@pytest.mark.parametrize("policy", ["back", "stop", "continue"] if ALL else ["back"])
def test_a_host_that_dies_while_it_switches(
    controller: Controller, flow: Load, policy: str
) -> None:
    controller.write_ini(f"batch = 2\non_failure = {policy}")
    target = other(controller, controller.hosts[0])
    before, dead = live(controller.hosts[0]), controller.hosts[3]
    moment = "event:switch:verify"
    with Struck(controller, to(controller, target), moment, FAULT_ON=dead.address) as one:
        dead.cut()
        done = one.end()
    dead.boot()
    assert done.code == 5
    told = [facts_of(done.data["live"], host) for host in controller.hosts]
    assert told[3] is None
    new = controller.id(target)
    expected = {
        "back": [before, before, before, None, before],
        "stop": [new, new, new, None, before],
        "continue": [new, new, new, None, new],
    }[policy]
    assert told == expected
    serving = [serves(host) for host in controller.hosts]
    assert serving[:3] + serving[4:] == expected[:3] + expected[4:]
    assert serving[3] in (before, new)
    assert dead.address in " ".join(done.data["errors"])
    controller.write_ini("batch = 2")
    controller.release(target).well()
    all_live(controller, target)


def test_two_people_at_once(controller: Controller, flow: Load) -> None:
    target = other(controller, controller.hosts[0])
    both = [Struck(controller, to(controller, target, "--wait", "120"), "") for _ in range(2)]
    # The first has all deploy locks; the second waits, and finds nothing left to do.
    changed = [one.end().well().data["changed"] for one in both]
    assert sorted(changed) == [False, True]
    all_live(controller, target)
