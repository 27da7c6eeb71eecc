"""Formats moments for people."""

from __future__ import annotations

import time


def utc(seconds: float) -> str:
    """Return a moment, given in seconds since the epoch, in UTC.

    The number may come from another machine or a file, so it may be outside of the calendar.

    >>> utc(1e9), utc(1e300)
    ('2001-09-09 01:46:40', 'an unknown time')
    """
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))
    except (OverflowError, ValueError, OSError):
        return "an unknown time"
