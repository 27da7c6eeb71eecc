"""What is sent while the host still unpacks."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from django_deploykit.errors import DeployKitError
from django_deploykit.release.upload import Transfer


def test_has_arrived_before_it_has_ended() -> None:
    go = threading.Event()

    def send(arrived: Callable[[], None]) -> int:
        arrived()
        assert go.wait(60)
        return 7

    pending = Transfer(send)
    pending.arrive()
    go.set()
    assert pending.end() == 7


def test_what_goes_wrong_is_raised_where_it_is_waited_for() -> None:
    def send(_: Callable[[], None]) -> int:
        raise DeployKitError("the disk is full")

    for wait in ("arrive", "end"):
        with pytest.raises(DeployKitError, match="the disk is full"):
            getattr(Transfer(send), wait)()


def test_what_goes_wrong_afterwards_is_raised_at_the_end() -> None:
    go = threading.Event()

    def send(arrived: Callable[[], None]) -> int:
        arrived()
        assert go.wait(60)
        raise DeployKitError("it does not unpack")

    pending = Transfer(send)
    pending.arrive()
    go.set()
    with pytest.raises(DeployKitError, match="it does not unpack"):
        pending.end()


def test_what_never_says_that_it_arrived_has_when_it_ends() -> None:
    pending = Transfer(lambda _: 3)
    pending.arrive()
    assert pending.end() == 3
