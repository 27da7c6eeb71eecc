"""The data of the live display: the progress of a step on each of its hosts."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from django_deploykit.progress import DONE, FAILED, RUNS, in_bytes

WAITS = "waits"
_WORDS = {FAILED: "failed", RUNS: "at work", WAITS: "waiting", DONE: "done"}  # most urgent first


@dataclass(frozen=True)
class Row:
    """The current step of a host. ``host`` is empty for the controller.

    Times are in seconds of the monotonic clock.
    """

    host: str
    step: str = ""
    state: str = WAITS
    detail: str = ""
    done: int = 0
    total: int = 0
    begun: float = 0.0
    ended: float = 0.0

    def seconds(self, now: float) -> float:
        """Return how many seconds the step has taken."""
        return max(0.0, (self.ended or now) - self.begun) if self.begun else 0.0

    def doing(self, now: float) -> str:
        """Return the detail, the bytes and the rate as text.

        >>> Row("web1", "send", RUNS, done=1536, total=3072, begun=1.0).doing(2.0)
        '1.5 KiB of 3.0 KiB, 1.5 KiB/s'
        """
        words = [self.detail] if self.detail else []
        if self.total:
            of = "" if self.state == DONE else f" of {in_bytes(self.total)}"
            words.append(f"{in_bytes(self.done)}{of}")
            if self.done and self.seconds(now) >= 0.2:
                words.append(f"{in_bytes(self.done / self.seconds(now))}/s")
        return ", ".join(words)


class Board:
    """Rows by host, which several threads may change."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: dict[str, Row] = {}

    def begin(self, step: str, hosts: Sequence[str], now: float) -> None:
        """Start a step. Its hosts wait for it or, if there are none, the controller runs it."""
        with self._lock:
            if hosts:
                self._rows.pop("", None)
                self._rows |= {host: Row(host, step) for host in hosts}
            else:
                self._rows = {"": Row("", step, RUNS, begun=now)}

    def leave(self) -> None:
        """Remove the controller's row, because its step has ended."""
        with self._lock:
            self._rows.pop("", None)

    def at(self, host: str, step: str, state: str, detail: str, now: float) -> None:
        """Set a host's state. The clock starts when a step begins, or begins again."""
        with self._lock:
            row = self._rows.get(host, Row(host))
            if row.step != step or row.state != RUNS:
                row = Row(host, step, begun=now)
            ended = now if state in (DONE, FAILED) else 0.0
            self._rows[host] = replace(row, state=state, detail=detail, ended=ended)

    def advance(self, host: str, done: int, total: int) -> None:
        """Set how many bytes are done."""
        with self._lock:
            row = self._rows.get(host) or Row(host, state=RUNS)
            self._rows[host] = replace(row, done=done, total=max(done, total))

    def rows(self) -> list[Row]:
        """Return the rows as they are now."""
        with self._lock:
            return list(self._rows.values())

    def failed(self, step: str) -> bool:
        """Return whether the step failed on a host."""
        return any((row.step, row.state) == (step, FAILED) for row in self.rows())

    def moved(self) -> int:
        """Return the bytes that the current step has moved on all hosts."""
        return sum(row.done for row in self.rows())


def fitting(rows: Sequence[Row], room: int) -> tuple[list[Row], str]:
    """Return the most urgent rows, at most ``room`` lines with the one about the others."""
    if len(rows) <= room:
        return list(rows), ""
    states = list(_WORDS)
    ranked = sorted(rows, key=lambda row: states.index(row.state))
    kept, others = ranked[: max(1, room - 1)], ranked[max(1, room - 1) :]
    counts = Counter(row.state for row in others)
    words = ", ".join(f"{counts[state]} {_WORDS[state]}" for state in states if counts[state])
    return [row for row in rows if row in kept], f"and {len(others)} more: {words}"
