"""Watching the live site while it switches: one request after the other, until the caller has seen enough."""

from __future__ import annotations

import os
import select
import time
from typing import List, Sequence, Tuple

from ..base.probe import ask, judge
from ..base.site import Site
from ..wire.events import Emit
from ..wire.operating import Watching, WatchResult

_PAUSE = 0.02  # seconds between the begins of two requests
_TIMEOUT = 10.0
_LONGEST = 900.0  # a caller that is gone without closing the stream does not keep the probe going

Row = Tuple[float, float, bool]  # Unix seconds, seconds that the answer took, whether it was good


def usable(site: Site, hosts: Sequence[str]) -> str:
    """Return the first Host header that the live site answers well, the first of all where none is."""
    for host in hosts[:3]:
        if not judge(
            ask(site.listen, site.health, host, site.proxied, timeout=_TIMEOUT), site.health, host
        ):
            return host
    return hosts[0]


def watch(site: Site, host: str, until: int, emit: Emit) -> WatchResult:
    """Ask the health path through the live address until the file descriptor ``until`` closes."""
    rows: List[Row] = []
    begun = time.monotonic()
    emit(Watching(time.time()))
    while time.monotonic() - begun < _LONGEST:
        moment, started = time.time(), time.monotonic()
        answer = ask(site.listen, site.health, host, site.proxied, timeout=_TIMEOUT)
        rows.append((moment, answer.seconds, not judge(answer, site.health, host)))
        if _closed(until, max(0.0, _PAUSE - (time.monotonic() - started))):
            break
    return summary(rows)


def _closed(descriptor: int, patience: float) -> bool:
    """Wait, and say whether the other end closed meanwhile."""
    ready, _, _ = select.select([descriptor], [], [], patience)
    return bool(ready) and not os.read(descriptor, 4096)


def summary(rows: Sequence[Row]) -> WatchResult:
    """Return what requests came to; times in seconds, percentiles by nearest rank.

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
    """Return the value that a share of the ordered ones does not exceed; 0 of none."""
    if not ordered:
        return 0.0
    return ordered[max(0, -(-int(share * 1000 * len(ordered)) // 1000) - 1)]
