"""Moments as text."""

from __future__ import annotations

import pytest

from django_deploykit.runtime.base.moments import utc


def test_is_in_utc() -> None:
    assert utc(0) == "1970-01-01 00:00:00"
    assert utc(1795407300.9) == "2026-11-23 04:15:00"


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), 1e300, -9e18, 10**400])
def test_a_number_outside_of_the_calendar_is_unknown(seconds: float) -> None:
    assert utc(seconds) == "an unknown time"
