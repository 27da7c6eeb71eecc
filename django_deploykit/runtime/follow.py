"""Printing a process's log, and going on while it grows."""

from __future__ import annotations

import time

from .supervisor import Supervisor


def follow(supervisor: Supervisor, release: str, process: str, lines: int, forever: bool) -> int:
    """Print the last lines; with ``forever`` also what comes, until Ctrl-C."""
    seen = supervisor.log(release, process, lines)
    print("\n".join(seen), flush=True)
    try:
        while forever:
            time.sleep(0.5)
            now = supervisor.log(release, process, 500)
            new = news(seen, now)
            if new:
                print("\n".join(new), flush=True)
            seen = now
    except KeyboardInterrupt:
        return 130
    return 0


def news(before, now):  # type: ignore[no-untyped-def]
    """Return the lines of ``now`` that follow what ``before`` ended with.

    >>> news(["a", "b"], ["a", "b", "c"])
    ['c']
    """
    for length in range(min(len(before), len(now)), 0, -1):
        if before[-length:] == now[:length]:
            return now[length:]
        start = len(now) - length
        for offset in range(start, -1, -1):
            if now[offset : offset + length] == before[-length:]:
                return now[offset + length :]
    return now
