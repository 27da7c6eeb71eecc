"""Limits of what a host may send and how long it may take.

A host may be broken or hostile: it accepts a verb and then falls silent, or prints without end.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

HINT = "Log in to the host and see what it does. Work already started on the host continues."


@dataclass(frozen=True)
class Limits:
    """Limits for each verb.

    ``silence`` is in seconds, for a host that reports every few seconds that its verbs run.
    ``quiet`` is the same for a verb on a channel without such reports. ``errors`` is the number of
    bytes of standard error, ``events`` that of lines before the answer. ``ending`` is how many
    seconds the command may take to end after its answer, and ``interrupted`` how many a verb may
    take to end after Ctrl-C: it undoes what it has begun.
    """

    silence: float = 60.0
    quiet: float = 600.0
    errors: int = 1 << 20
    events: int = 1 << 26
    ending: float = 30.0
    interrupted: float = 600.0


class Watchdog:
    """Gives a verb up if its host exceeds a limit, while the block runs.

    ``problem`` then says which limit, else it is empty. ``give_up`` must end the verb's streams.
    """

    def __init__(
        self,
        seconds: float,
        silence: float,
        give_up: Callable[[str], None],
        heard: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """``seconds`` is the limit for the whole verb, or 0 for none.

        ``silence`` is the limit since :meth:`hear` was called, or since ``heard`` on the clock of
        ``time.monotonic``. With 0, nothing is limited.
        """
        self.problem = ""
        self._seconds, self._silence = seconds, silence
        self._give_up, self._other = give_up, heard
        self._begun = self._heard = time.monotonic()
        self._ended = threading.Event()

    def __enter__(self) -> Watchdog:
        if self._silence:
            threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()

    def hear(self) -> None:
        """Note that the host takes part."""
        self._heard = time.monotonic()

    def hurry(self, seconds: float) -> None:
        """Give the verb up after ``seconds``, because it was interrupted."""
        if self._silence and self._seconds:  # the others end with their input
            text = f"it did not end within {_in_words(seconds)} after Ctrl-C"
            timer = threading.Timer(seconds, self.end, [text])
            timer.daemon = True
            timer.start()

    def end(self, problem: str) -> None:
        """Give the verb up, unless it has ended."""
        if not self._ended.is_set() and not self.problem:
            self.problem = problem
            self._give_up(problem)

    def _watch(self) -> None:
        while True:
            now = time.monotonic()
            left = max(self._heard, self._other()) + self._silence - now
            if left <= 0:
                self.end(f"it fell silent for {self._silence:g} s")
            if self._seconds:
                left = min(left, self._begun + self._seconds - now)
                if left <= 0:
                    self.end(f"it did not answer within {_in_words(self._seconds)}")
            if self.problem or self._ended.wait(max(0.0, left)):
                return


def _in_words(seconds: float) -> str:
    """Return a limit as text.

    >>> _in_words(60.0), _in_words(86400.0)
    ('60 s', '24 hours')
    """
    return f"{seconds / 3600:g} hours" if seconds >= 7200 else f"{seconds:g} s"


@contextmanager
def within(seconds: float, stop: Callable[[], None]) -> Iterator[threading.Event]:
    """Call ``stop`` if the block takes longer; it must end what the block waits for.

    Yields an event that is then set.
    """
    late = threading.Event()

    def end() -> None:
        late.set()
        stop()

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield late
    finally:
        timer.cancel()
