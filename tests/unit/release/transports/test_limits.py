"""Giving up a host that falls silent, takes too long or prints without end."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable

import pytest

from django_deploykit.release.transports.limits import Watchdog, within


class Problems:
    """What a watchdog says when it gives up."""

    def __init__(self) -> None:
        self.told: queue.SimpleQueue[str] = queue.SimpleQueue()

    def next(self) -> str:
        return self.told.get(timeout=60)


@pytest.fixture
def problems() -> Problems:
    return Problems()


def watch(problems: Problems, seconds: float, silence: float, heard: Callable[[], float]) -> str:
    with Watchdog(seconds, silence, problems.told.put, heard) as watchdog:
        told = problems.next()
        assert watchdog.problem == told
    return told


def test_a_verb_that_takes_too_long_is_given_up_though_its_host_is_heard(
    problems: Problems,
) -> None:
    told = watch(problems, 0.1, 60.0, time.monotonic)
    assert told == "it did not answer within 0.1 s"


def test_a_silent_host_is_given_up(problems: Problems) -> None:
    told = watch(problems, 0.0, 0.1, lambda: 0.0)
    assert told == "it fell silent for 0.1 s"


def test_a_host_that_is_heard_may_take_long(problems: Problems) -> None:
    looks = iter(range(3))

    def heard() -> float:
        """Be heard each time that the watchdog looks, but not for ever."""
        if next(looks, None) is None:
            return 0.0
        watchdog.hear()
        return time.monotonic()

    watchdog = Watchdog(0.0, 0.1, problems.told.put, heard)
    begun = time.monotonic()
    with watchdog:
        assert problems.next() == watchdog.problem == "it fell silent for 0.1 s"
    assert time.monotonic() - begun >= 0.3


def test_only_the_first_problem_counts_and_none_after_the_end(problems: Problems) -> None:
    with Watchdog(0.0, 60.0, problems.told.put) as watchdog:
        watchdog.end("it prints errors without end")
        watchdog.end("something else")
    watchdog.end("late")
    assert problems.next() == watchdog.problem == "it prints errors without end"
    assert problems.told.empty()


def test_work_that_takes_too_long_is_stopped() -> None:
    stopped = threading.Event()
    with within(0.05, stopped.set) as late:
        assert stopped.wait(60)
        assert late.is_set()
    with within(60.0, stopped.clear) as late:
        assert not late.is_set()
    assert stopped.is_set()
