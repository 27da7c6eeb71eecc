"""Transports that are opened while something else is done."""

from __future__ import annotations

import threading

import pytest

from django_deploykit.errors import DeployKitError
from django_deploykit.release.prefetch import Prefetch, PrefetchingTransport
from django_deploykit.runtime.wire.facts import FACTS
from tests.unit.release.fakes import FakeTransport, Host

PATIENCE = 10.0


class Slow(FakeTransport):
    """A transport whose login waits until it is let in."""

    def __init__(self, name: str) -> None:
        super().__init__(Host(name))
        self.asked, self.let_in, self.closed = (threading.Event() for _ in range(3))

    def open(self) -> None:
        self.asked.set()
        assert self.let_in.wait(PATIENCE)
        raise DeployKitError("nobody is let in")

    def close(self) -> None:
        self.closed.set()


def test_logs_in_to_all_before_anybody_asks_for_them() -> None:
    made = [Slow("web1"), Slow("web2")]
    prefetch = Prefetch(lambda: made, "3.11")
    assert all(one.asked.wait(PATIENCE) for one in made)
    assert [one.name for one in prefetch.transports()] == [
        "web1",
        "web2",
    ]  # though no login has ended
    for one in made:
        one.let_in.set()


def test_closes_all_where_they_are_not_wanted_any_more() -> None:
    made = [Slow("web1"), Slow("web2")]
    Prefetch(lambda: made, "3.11").close()
    assert all(one.closed.wait(PATIENCE) for one in made)
    for one in made:
        one.let_in.set()


def test_raises_what_went_wrong_in_making_them() -> None:
    def make() -> list[FakeTransport]:
        raise DeployKitError("paramiko is not installed")

    prefetch = Prefetch(make, "3.11")
    with pytest.raises(DeployKitError, match="paramiko"):
        prefetch.transports()
    prefetch.close()


class Ready(FakeTransport):
    """A transport that lets everybody in."""

    def open(self) -> None:
        self.host.calls.append("open")


def test_facts_are_known_once_before_they_are_asked_for() -> None:
    host = Host("web1")
    transport = PrefetchingTransport(Ready(host), "3.11")
    transport.open()
    assert host.calls == ["open", "facts"]
    known = transport.call(FACTS, "--python", "3.11")
    assert known.live == host.live
    assert host.calls == ["open", "facts"]
    host.live = None  # they are of then, so the next are asked for
    assert transport.call(FACTS, "--python", "3.11").live is None


def test_facts_for_another_python_are_asked_for() -> None:
    host = Host("web1")
    transport = PrefetchingTransport(Ready(host), "3.11")
    transport.open()
    transport.call(FACTS, "--python", "3.13")
    assert host.calls == ["open", "facts", "facts"]


def test_a_host_that_cannot_be_asked_early_says_why_when_it_is_asked() -> None:
    slow = Slow("web1")
    slow.let_in.set()
    transport = PrefetchingTransport(slow, "3.11")
    with pytest.raises(DeployKitError, match="nobody is let in"):
        transport.open()
    assert transport.call(FACTS, "--python", "3.11").setup
