"""Waiting for a condition, instead of for a time."""

from __future__ import annotations

import time
from collections.abc import Callable


def until(done: Callable[[], object], seconds: float = 60, every: float = 0.05) -> None:
    """Wait until ``done`` returns something true; fail after ``seconds``."""
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, f"not so after {seconds:.0f} s"
        time.sleep(every)
