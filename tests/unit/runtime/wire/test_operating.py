"""Answers of the verbs that people look at a site with."""

from __future__ import annotations

import pytest

from django_deploykit.runtime.wire.operating import HostStatus, WatchResult
from django_deploykit.runtime.wire.reader import WireError, read


def test_samples_are_when_how_long_and_how_well() -> None:
    data = {"samples": [[1.5, 0.25, True], [2, 0.5, False]]}
    assert read(WatchResult, data, "watch").samples == ((1.5, 0.25, True), (2.0, 0.5, False))
    with pytest.raises(WireError, match=r"watch\.samples\[0\]\[2\] must be true or false"):
        read(WatchResult, {"samples": [[1.5, 0.25, "good"]]}, "watch")


def test_a_status_says_what_is_live_even_where_nothing_is() -> None:
    assert read(HostStatus, {"live": None, "listen": ":0"}, "status").live is None
    with pytest.raises(WireError, match=r"status\.live is missing"):
        read(HostStatus, {"listen": ":0"}, "status")
