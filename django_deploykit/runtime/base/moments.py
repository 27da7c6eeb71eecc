"""Formats and reads moments for people."""

from __future__ import annotations

import re
import time

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


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


def read_moment(text: str, now: float) -> float:
    """Return seconds since the epoch; raise :class:`ValueError` if the text is not a moment.

    It is a duration before ``now``, a time in UTC unless it has an offset, or ``@SECONDS``.

    >>> read_moment("10m", 1000.0), read_moment("2001-09-09 01:46", 0.0), read_moment("@7", 0.0)
    (400.0, 999999960.0, 7.0)
    """
    match = re.fullmatch(r"([0-9]{1,9})([smhd])", text)
    if match:
        return max(0.0, now - int(match[1]) * _UNITS[match[2]])
    if re.fullmatch(r"@[0-9]{1,12}(\.[0-9]{1,9})?", text):
        return float(text[1:])
    from datetime import datetime, timezone  # slow to import

    try:
        found = datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith("Z") else text)
        return max(0.0, (found if found.tzinfo else found.replace(tzinfo=timezone.utc)).timestamp())
    except (ValueError, OverflowError):
        raise ValueError(
            "must be a duration such as 30s, 10m, 2h or 1d, or a time in UTC such as"
            f" 2026-11-30T22:15, not {text!r}"
        ) from None
