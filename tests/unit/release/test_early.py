"""Transports that are opened while something else is done."""

from __future__ import annotations

import threading

import pytest

from django_deploykit.errors import DeployKitError
from django_deploykit.release.early import Early
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
    early = Early(lambda: made)
    assert all(one.asked.wait(PATIENCE) for one in made)
    assert early.transports() == made  # though no login has ended
    for one in made:
        one.let_in.set()


def test_closes_all_where_they_are_not_wanted_any_more() -> None:
    made = [Slow("web1"), Slow("web2")]
    Early(lambda: made).leave()
    assert all(one.closed.wait(PATIENCE) for one in made)
    for one in made:
        one.let_in.set()


def test_raises_what_went_wrong_in_making_them() -> None:
    def make() -> list[FakeTransport]:
        raise DeployKitError("paramiko is not installed")

    early = Early(make)
    with pytest.raises(DeployKitError, match="paramiko"):
        early.transports()
    early.leave()
