"""Several real hosts with a newer Python: roles, batches, hooks, one that fails."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.lab.conftest import Fleet
from tests.lab.fleet import Controller, current, facts_of, fill_in, live
from tests.lab.hosts import Host
from tests.lab.striking import file_on

_BROKEN = "/etc/systemd/system/shop-web@.service.d/broken.conf"


@pytest.fixture(scope="module")
def controller(fleet: Fleet) -> Controller:
    """Two hosts for the web and one for the worker, all ready, ``one`` live."""
    made = fleet(3, "trixie")
    write(made)
    made.setup().well()
    fill_in(*made.hosts)
    done = made.release("one").well()
    # Each has an SQLite of its own, and so a database to migrate.
    assert done.data["migrated"] == [f"deploy@{host.address}: default" for host in made.hosts]
    return made


@pytest.fixture(scope="module")
def hosts(controller: Controller) -> list[Host]:
    return controller.hosts


def write(controller: Controller, environment: str = "") -> None:
    """Write the environment with options; the last host is for the worker alone."""
    last = f"[host:{controller.hosts[2].address}]\nroles = worker\n"
    controller.write_ini(f"roles = web\n{environment}", last)


@pytest.fixture
def one(controller: Controller) -> None:
    """``one`` is live everywhere, and the environment has no options."""
    write(controller)
    controller.be_live("one")


@pytest.fixture
def two(controller: Controller) -> None:
    """``two`` is live everywhere, and the environment has no options."""
    write(controller)
    controller.be_live("two")


@contextmanager
def broken(host: Host) -> Iterator[None]:
    """Break a host while the block runs: no web process starts there."""
    with file_on(host, _BROKEN, "[Service]\nExecStartPre=/bin/false\n"):
        host.run("systemctl daemon-reload")
        yield
    host.run("systemctl daemon-reload")


def running(controller: Controller) -> dict[str, set[str]]:
    """Return the processes that run, by address."""
    rows = controller.run("status", "--json").well().data["hosts"]
    return {
        host.address: {one["process"] for one in facts_of(rows, host)["instances"] if one["active"]}
        for host in controller.hosts
    }


def test_each_host_has_its_roles(controller: Controller, hosts: list[Host]) -> None:
    web, other, worker = (host.address for host in hosts)
    assert running(controller) == {web: {"web"}, other: {"web"}, worker: {"worker"}}
    assert "shop.socket" not in hosts[2].run("ls /etc/systemd/system")


def test_hosts_switch_in_batches_and_hooks_get_the_facts(
    controller: Controller, hosts: list[Host], one: None
) -> None:
    keep = 'python3 -c "import json, os; print(json.dumps(dict(os.environ)))"'
    hooks = f"before_switch = {keep} > before.json\nafter_switch = {keep} > after.json"
    write(controller, f"batch = 2\n{hooks}")
    controller.release("two").well()
    assert [live(host) for host in hosts[:2]] == [controller.id("two")] * 2
    rows = controller.run("history", "--json").well().data["hosts"]
    ends = [facts_of(rows, host)[-1] for host in hosts]
    assert {one["release"] for one in ends} == {controller.id("two")}
    starts = [one["time"] - one["seconds"] for one in ends]
    assert max(starts[:2]) < min(one["time"] for one in ends[:2])
    assert starts[2] > max(one["time"] for one in ends[:2])
    for name in ("before", "after"):
        found = json.loads((controller.project / f"{name}.json").read_text())
        assert found["DEPLOYKIT_HOOK"] == f"{name}_switch"
        assert found["DEPLOYKIT_RELEASE"] == controller.id("two")
        assert found["DEPLOYKIT_ENVIRONMENT"] == "production"
        assert len(found["DEPLOYKIT_HOSTS"].split()) == 3


def test_a_failing_hook_stops_the_release(
    controller: Controller, hosts: list[Host], two: None
) -> None:
    write(controller, "before_switch = echo not today; exit 3")
    done = controller.release("one")
    assert done.code == 1
    assert "before_switch" in done.data["error"]["message"]
    assert [live(host) for host in hosts[:2]] == [controller.id("two")] * 2


def test_a_failing_host_takes_all_back(
    controller: Controller, hosts: list[Host], two: None
) -> None:
    with broken(hosts[1]):
        done = controller.release("one")
    assert done.code == 4
    assert set(done.data["live"].values()) == {controller.id("two")}
    assert [live(host) for host in hosts[:2]] == [controller.id("two")] * 2
    assert facts_of(done.data["errors"], hosts[1])


def test_a_failing_host_stops_the_release_and_the_same_command_again_completes(
    controller: Controller, hosts: list[Host], two: None
) -> None:
    write(controller, "on_failure = stop")
    with broken(hosts[1]):
        done = controller.release("one")
    assert done.code == 5
    one, two_ = controller.id("one"), controller.id("two")
    assert [facts_of(done.data["live"], host) for host in hosts] == [one, two_, two_]
    assert [live(host) for host in hosts[:2]] == [one, two_]
    done = controller.release("one").well()
    assert set(done.data["live"].values()) == {one}
    assert [live(host) for host in hosts[:2]] == [one, one]
    assert current(hosts[2]) == one


def test_the_others_go_on_where_the_policy_says_so(
    controller: Controller, hosts: list[Host], two: None
) -> None:
    write(controller, "on_failure = continue")
    with broken(hosts[1]):
        done = controller.release("one")
    assert done.code == 5
    one, two_ = controller.id("one"), controller.id("two")
    assert [facts_of(done.data["live"], host) for host in hosts] == [one, two_, one]
