"""Measures the live site during a switch, one request after another, until the caller ends it."""

from __future__ import annotations

import os
import select
import time
from typing import List, Sequence, Tuple

from ..base.probe import ask, response_problem
from ..base.site import Site
from ..wire.events import Emit
from ..wire.operating import Watching, WatchResult

_PAUSE = 0.02  # seconds between the starts of two requests
_TIMEOUT = 10.0
_LONGEST = 900.0  # seconds; the probe ends then even if a lost caller never closed the stream

Row = Tuple[float, float, bool]  # Unix time, seconds until the response, whether it was good


def watch(site: Site, host: str, until: int, emit: Emit) -> WatchResult:
    """Request the first health page through the live address until the descriptor ``until`` closes."""
    rows: List[Row] = []
    begun, page = time.monotonic(), site.pages[0]
    emit(Watching(time.time()))
    while time.monotonic() - begun < _LONGEST:
        moment, started = time.time(), time.monotonic()
        answer = ask(site.listen, page, host, site.proxied, timeout=_TIMEOUT)
        rows.append((moment, answer.seconds, not response_problem(answer, page, host)))
        if _closed(until, max(0.0, _PAUSE - (time.monotonic() - started))):
            break
    return summary(rows)


def _closed(descriptor: int, patience: float) -> bool:
    """Wait up to ``patience`` seconds; return whether the other end closed the stream."""
    ready, _, _ = select.select([descriptor], [], [], patience)
    return bool(ready) and not os.read(descriptor, 4096)


def summary(rows: Sequence[Row]) -> WatchResult:
    """Return statistics of the requests; times in seconds, percentiles by nearest rank.

    >>> summary([(0.0, 0.25, True), (1.0, 0.75, False)]).p50
    0.25
    """
    taken = sorted(seconds for _, seconds, _ in rows)
    return WatchResult(
        count=len(rows),
        failed=sum(not good for _, _, good in rows),
        p50=round(rank(taken, 0.50), 6),
        p99=round(rank(taken, 0.99), 6),
        slowest=round(taken[-1] if taken else 0.0, 6),
        samples=tuple((round(at, 4), round(seconds, 6), good) for at, seconds, good in rows),
    )


def rank(ordered: Sequence[float], share: float) -> float:
    """Return the percentile ``share`` of the ordered values by nearest rank, or 0 for no values."""
    if not ordered:
        return 0.0
    return ordered[max(0, -(-int(share * 1000 * len(ordered)) // 1000) - 1)]
