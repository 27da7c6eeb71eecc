"""Limits of processes: how they are written, and what systemd gets."""

from __future__ import annotations

import pytest

from django_deploykit.runtime.base.limits import (
    LIMITS,
    limit_text,
    limited_processes,
    read_limits,
    systemd_limits,
)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("memory_max", "16M"),
        ("memory_max", "2G"),
        ("memory_max", "17000000"),
        ("tasks_max", "1"),
        ("cpu_quota", "50%"),
        ("cpu_quota", "150%"),
    ],
)
def test_values_are_passed_on_as_they_are(key: str, text: str) -> None:
    assert LIMITS[key].read(text) == text
    assert read_limits(limit_text("web", key, text)) == (f"web.{key}={text}",)


@pytest.mark.parametrize(
    ("key", "text", "expected"),
    [
        ("memory_max", "512", "at least 16M"),
        ("memory_max", "1M", "at least 16M"),
        ("memory_max", "512 M", "at least 16M"),
        ("memory_max", "512MB", "at least 16M"),
        ("memory_max", "infinity", "at least 16M"),
        ("memory_max", "512M\nUser=root", "at least 16M"),
        ("tasks_max", "0", "whole number of at least 1"),
        ("tasks_max", "many", "whole number of at least 1"),
        ("tasks_max", "9999999", "whole number of at least 1"),
        ("cpu_quota", "0%", "percentage of one processor"),
        ("cpu_quota", "1.5", "percentage of one processor"),
    ],
)
def test_other_values_are_refused(key: str, text: str, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        LIMITS[key].read(text)


@pytest.mark.parametrize("text", ["web.memory=1G", "memory_max=1G", "web server.tasks_max=1", "x"])
def test_words_that_are_no_limits_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be limits such as"):
        read_limits(text)


def test_a_later_limit_replaces_an_earlier_one() -> None:
    limits = ("web.memory_max=1G", "work.er.tasks_max=5", "web.cpu_quota=50%", "web.memory_max=2G")
    assert list(systemd_limits(limits, "web")) == [("MemoryMax", "2G"), ("CPUQuota", "50%")]
    assert list(systemd_limits(limits, "worker")) == []
    assert list(limited_processes(limits)) == ["web", "work.er"]
