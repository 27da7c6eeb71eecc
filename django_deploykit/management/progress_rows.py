"""What the live display shows: how far the step and each host are. No terminal here."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace

from django_deploykit.progress import DONE, FAILED, RUNS, in_bytes

WAITS = "waits"


@dataclass(frozen=True)
class Row:
    """A host, or the controller (``host`` is empty), in its current step; times are monotonic seconds."""

    host: str
    step: str = ""
    state: str = WAITS
    detail: str = ""
    done: int = 0
    total: int = 0
    begun: float = 0.0
    ended: float = 0.0

    def seconds(self, now: float) -> float:
        """Return how long the step has gone on, or took."""
        if not self.begun:
            return 0.0
        return max(0.0, (self.ended or now) - self.begun)


class Board:
    """Rows by host, changed from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: dict[str, Row] = {}

    def begin(self, step: str, hosts: Sequence[str], now: float) -> None:
        """Start a step: its hosts wait for it, or the controller runs it."""
        with self._lock:
            if not hosts:
                self._rows = {"": Row("", step, RUNS, begun=now)}
                return
            self._rows.pop("", None)
            for host in hosts:
                self._rows[host] = Row(host, step)

    def leave(self) -> None:
        """Forget the controller's own row: its step has ended."""
        with self._lock:
            self._rows.pop("", None)

    def at(self, host: str, step: str, state: str, detail: str, now: float) -> None:
        """Note a host's state; a step that begins, or begins again, counts from here."""
        with self._lock:
            row = self._rows.get(host, Row(host))
            if row.step != step or row.state != RUNS:
                row = Row(host, step, begun=now)
            ended = now if state in (DONE, FAILED) else 0.0
            self._rows[host] = replace(row, state=state, detail=detail, ended=ended)

    def advance(self, host: str, done: int, total: int) -> None:
        """Note how many bytes are done."""
        with self._lock:
            row = self._rows.get(host) or Row(host, state=RUNS)
            self._rows[host] = replace(row, done=done, total=max(done, total))

    def rows(self) -> list[Row]:
        """Return the rows as they are now."""
        with self._lock:
            return list(self._rows.values())

    def failed(self, step: str) -> bool:
        """Whether a host failed in a step that ends now."""
        return any((row.step, row.state) == (step, FAILED) for row in self.rows())

    def moved(self) -> int:
        """Return the bytes that the current step has moved on all hosts."""
        return sum(row.done for row in self.rows())


def doing(row: Row, now: float) -> str:
    """Return what a row does, in words: bytes, a rate, a detail.

    >>> doing(Row("web1", "send", RUNS, done=1536, total=3072, begun=1.0), 2.0)
    '1.5 of 3.0 KiB, 1.5 KiB/s'
    """
    words = [row.detail] if row.detail else []
    if row.total:
        words.append(in_bytes(row.done) if row.state == DONE else of_bytes(row.done, row.total))
        seconds = row.seconds(now)
        if row.done and seconds >= 0.2:
            words.append(f"{in_bytes(row.done / seconds)}/s")
    return ", ".join(words)


def of_bytes(done: int, total: int) -> str:
    """Return bytes done of a total, the unit once where it is the same.

    >>> of_bytes(10, 2048)
    '10 bytes of 2.0 KiB'
    """
    left, right = in_bytes(done), in_bytes(total)
    if left == right:
        return right
    number, unit = left.split()
    return f"{number} of {right}" if right.endswith(f" {unit}") else f"{left} of {right}"


def shown(rows: Sequence[Row], room: int) -> tuple[list[Row], str]:
    """Return the rows that fit, those first that somebody waits for, and words for the others."""
    if len(rows) <= room:
        return list(rows), ""
    order = {FAILED: 0, RUNS: 1, WAITS: 2, DONE: 3}
    ranked = sorted(rows, key=lambda row: order.get(row.state, 2))
    kept = ranked[: max(1, room - 1)]
    left = ranked[len(kept) :]
    counts = [
        f"{sum(row.state == state for row in left)} {word}"
        for state, word in (
            (RUNS, "at work"),
            (WAITS, "waiting"),
            (DONE, "done"),
            (FAILED, "failed"),
        )
        if any(row.state == state for row in left)
    ]
    return [row for row in rows if row in kept], f"and {len(left)} more: {', '.join(counts)}"
