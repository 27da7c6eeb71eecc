"""Work with a time limit."""

from __future__ import annotations

import threading

import pytest

from django_deploykit.time_limits import NoAnswerError, within


def test_returns_the_result() -> None:
    assert within(30, lambda: 42) == 42


def test_raises_what_the_work_raises() -> None:
    with pytest.raises(LookupError, match="gone"):
        within(30, _fail)


def _fail() -> None:
    raise LookupError("gone")


def test_stops_waiting_for_work_that_does_not_end() -> None:
    release = threading.Event()
    with pytest.raises(NoAnswerError, match=r"no answer within 0\.05 s"):
        within(0.05, lambda: release.wait(60))
    release.set()
