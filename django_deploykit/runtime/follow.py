"""Printing a process's log, and going on while it grows."""

from __future__ import annotations

import time
from typing import List

from .supervisor import Supervisor

_WINDOW = 500  # lines looked at each time


def follow(supervisor: Supervisor, release: str, process: str, lines: int, forever: bool) -> int:
    """Print the last lines; with ``forever`` also what comes, until Ctrl-C."""
    seen = supervisor.log(release, process, _WINDOW)
    print("\n".join(seen[-lines:]), flush=True)
    try:
        while forever:
            time.sleep(0.5)
            now = supervisor.log(release, process, _WINDOW)
            for line in news(seen, now):
                print(line, flush=True)
            seen = now
    except KeyboardInterrupt:
        return 130
    return 0


def news(before: List[str], now: List[str]) -> List[str]:
    """Return the lines of ``now`` that came after ``before``, both being ends of one growing log.

    >>> news(["a", "b"], ["b", "c"])
    ['c']
    """
    for length in range(min(len(before), len(now)), -1, -1):
        if before[len(before) - length :] == now[:length]:
            return now[length:]
    return now
