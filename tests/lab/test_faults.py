"""Faults while requests flow, on one host: the site answers, and the same command again completes.

By default each fault is tried at a few moments; ``DEPLOYKIT_LAB=all`` tries all, which takes long.
"""

from __future__ import annotations

import time
from contextlib import nullcontext

import pytest

from django_deploykit.runtime.base.documents import Document
from tests.lab.fleet import Controller, facts_of, live
from tests.lab.hosts import Host
from tests.lab.striking import (
    ALL,
    STRIKES,
    check_outcome,
    completes,
    cut_power,
    file_on,
    forget,
    kill_controller,
    left_over,
    name_of,
    other,
    serves,
    struck,
)
from tests.load import Load
from tests.waiting import until

PLACES = ("before", "during", "after")
SWITCH = ("start", "verify", "drain", "switched")
MOMENTS = (
    *("before:hold", "event:hold:held"),
    *(f"{place}:{verb}" for verb in ("receive", "stage", "check", "prune") for place in PLACES),
    "event:receive:received",
    *("before:switch", *(f"event:switch:{event}" for event in SWITCH), "after:switch"),
)
# One that halts a while after the host has begun, so that it is in the middle of its work.
FEW = {
    "killed": ("event:receive:received", "during:stage", "event:switch:verify", "during:prune"),
    "interrupted": ("during:stage", "event:switch:verify"),
    "session-killed": ("event:receive:received", "event:switch:drain"),
}
CASES = [(strike, moment) for strike in STRIKES for moment in (MOMENTS if ALL else FEW[strike])]


@pytest.mark.parametrize(("strike", "moment"), CASES)
def test_a_release_that_is_cut_off(
    controller: Controller, host: Host, flow: Load, strike: str, moment: str
) -> None:
    before, target = live(host), other(controller, host)
    forget(controller, host, target)
    with struck(controller, target, moment) as one:
        STRIKES[strike](one, host)
        done = one.end()
    assert "Traceback" not in done.err, done.err
    now = live(host)
    assert now in (before, controller.id(target))
    if strike != "killed":
        check_outcome(controller, host, done, target, name_of(controller, before))
        assert done.code in ((130, 4, 0) if strike == "interrupted" else (1, 4, 0)), done
    completes(controller, host, target)


@pytest.mark.parametrize("strike", list(STRIKES) if ALL else ["killed"])
@pytest.mark.parametrize("moment", [f"{one}:settle" for one in (PLACES if ALL else ("during",))])
def test_settling_that_is_cut_off(
    controller: Controller, host: Host, flow: Load, strike: str, moment: str
) -> None:
    target = other(controller, host)
    verb = "kill -KILL $(sed -E 's/.*\"pid\": ([0-9]+).*/\\1/' /srv/shop/switch.lock)"
    with struck(controller, target, "event:switch:verify") as one:
        kill_controller(one, host)
        host.run(verb)
        one.end()
    assert "./switching.json" in left_over(host)
    with struck(controller, target, moment) as one:
        STRIKES[strike](one, host)
        one.end()
    completes(controller, host, target)


@pytest.mark.parametrize("strike", list(STRIKES) if ALL else ["killed"])
@pytest.mark.parametrize("moment", [f"{one}:migrate" for one in (PLACES if ALL else ("during",))])
def test_migrations_that_are_cut_off(
    controller: Controller, host: Host, flow: Load, strike: str, moment: str
) -> None:
    before = other(controller, host)
    completes(controller, host, before)
    # It goes on until that file is gone; what comes after it comes only then.
    slow = nullcontext() if moment.startswith("after") else file_on(host, "/var/lib/shop/slow")
    with slow, struck(controller, "grown", moment) as one:
        time.sleep(0.5)
        STRIKES[strike](one, host)
        host.run("rm -f /var/lib/shop/slow")
        done = one.end()
    if strike != "killed":
        check_outcome(controller, host, done, "grown", before)
    completes(controller, host, "grown")
    go_back(controller, host, before)


@pytest.mark.parametrize("way", ["waited for", "ended"])
def test_a_migration_whose_python_was_killed_runs_only_once(
    controller: Controller, host: Host, flow: Load, way: str
) -> None:
    before = other(controller, host)
    completes(controller, host, before)
    verb = "kill -KILL $(sed -E 's/.*\"pid\": ([0-9]+).*/\\1/' /srv/shop/switch.lock)"
    with file_on(host, "/var/lib/shop/slow"):
        with struck(controller, "grown", "during:migrate") as one:
            until(lambda: migrating(controller, host))
            host.run(verb)
            assert one.end().code == 1
        (left,) = migrating(controller, host)
        if way == "ended":
            controller.run("cancel", left["id"], "--json").well()
            assert migrating(controller, host) == []
        else:
            again = controller.start("--bundle", str(controller.bundles.path("grown")), "--noinput")
            stream = again.stderr
            assert stream is not None
            until(lambda: left["id"] in stream.readline())
            assert [one["id"] for one in migrating(controller, host)] == [left["id"]]
    if way == "waited for":
        _, errors = again.communicate(timeout=180)
        assert again.returncode == 0, errors
    completes(controller, host, "grown")
    go_back(controller, host, before)


def migrating(controller: Controller, host: Host) -> list[Document]:
    """Return the migrations that run on a host."""
    hosts = controller.run("status", "--json").data["hosts"]
    return [one for one in facts_of(hosts, host)["commands"] if one["name"] == "migrate"]


def go_back(controller: Controller, host: Host, name: str) -> None:
    """Release an older one, then take the migrations of ``grown`` back."""
    controller.release(name).well()
    helper, token = "/usr/local/libexec/deploykit-shop", "0123456789abcdef"
    host.run(f"{helper} run {controller.id('grown')} {token} -- migrate shop 0001")


def test_a_migration_that_fails_half_way(controller: Controller, host: Host, flow: Load) -> None:
    before = live(host)
    with file_on(host, "/var/lib/shop/unlucky"):
        for _ in range(2):
            done = controller.release("grown")
            assert done.code == 1
            error = done.data["error"]
            assert "nothing was switched" in error["message"]
            assert "there is no note to write" in error["message"] + error["hint"]
            assert live(host) == before
    done = completes(controller, host, "grown")
    assert [line for line in done.data["pending"] if "shop." in line] == [
        "shop.0003_fill_notes on default"
    ]
    go_back(controller, host, name_of(controller, before))


@pytest.mark.parametrize(
    "moment",
    [
        "during:receive",
        "during:stage",
        "during:check",
        "during:migrate",
        "event:switch:verify",
        "event:switch:switched",
    ]
    if ALL
    else ["during:stage", "during:migrate", "event:switch:verify"],
)
def test_a_power_cut(controller: Controller, host: Host, moment: str) -> None:
    before, target = live(host), other(controller, host)
    migrates = moment == "during:migrate"
    if migrates:
        target = "grown"
        host.run("touch /var/lib/shop/slow")  # it goes on until this is gone
    forget(controller, host, target)
    with struck(controller, target, moment) as one:
        cut_power(one, host)
        assert serves(host) in ((before,) if migrates else (before, controller.id(target)))
        host.run("rm -f /var/lib/shop/slow")
        done = one.end()
    check_outcome(controller, host, done, target, name_of(controller, before))
    completes(controller, host, target)
    if migrates:
        go_back(controller, host, name_of(controller, before))
