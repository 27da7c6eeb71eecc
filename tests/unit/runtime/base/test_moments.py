"""Moments as text."""

from __future__ import annotations

import pytest

from django_deploykit.runtime.base.moments import read_moment, utc


def test_is_in_utc() -> None:
    assert utc(0) == "1970-01-01 00:00:00"
    assert utc(1795407300.9) == "2026-11-23 04:15:00"


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), 1e300, -9e18, 10**400])
def test_a_number_outside_of_the_calendar_is_unknown(seconds: float) -> None:
    assert utc(seconds) == "an unknown time"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 999_970),
        ("10m", 999_400),
        ("2h", 992_800),
        ("1d", 913_600),
        ("999d", 0),  # not before there were clocks
        ("1970-01-12", 950_400),
        ("1970-01-12 13:46", 999_960),
        ("1970-01-12T13:46:40Z", 1_000_000),
        ("1970-01-12T14:46:40+01:00", 1_000_000),
        ("@12.5", 12.5),
    ],
)
def test_is_read_as_a_duration_or_a_time(text: str, seconds: float) -> None:
    assert read_moment(text, 1_000_000.0) == seconds


@pytest.mark.parametrize(
    "text", ["", "10", "m", "-1m", "10 m", "٣m", "yesterday", "13:46", "@", "@-1"]
)
def test_what_is_neither_is_refused(text: str) -> None:
    with pytest.raises(
        ValueError, match="must be a duration such as 30s, 10m, 2h or 1d, or a time"
    ):
        read_moment(text, 0.0)
