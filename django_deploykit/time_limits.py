"""Time limits: a service that never answers must not stop the report."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class NoAnswerError(Exception):
    """The work did not end in time."""


def within(seconds: float, work: Callable[[], T]) -> T:
    """Return the result of ``work``. Raise :class:`NoAnswerError` after so many seconds.

    The work is done in a thread, because a driver that waits in C cannot be interrupted. Nobody
    waits for a thread that is late; it ends with the program.
    """
    results: list[T] = []
    errors: list[BaseException] = []
    ended = threading.Event()

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - raised again below
            errors.append(error)
        finally:
            _close_connections()
            ended.set()

    threading.Thread(target=run, daemon=True).start()
    if not ended.wait(seconds):
        raise NoAnswerError(f"no answer within {seconds:g} s")
    if errors:
        raise errors[0]
    return results[0]


def _close_connections() -> None:
    """Close the connections of this thread. Every thread has its own."""
    from django.db import connections

    for connection in connections.all(initialized_only=True):
        try:
            connection.close()
        except Exception:  # noqa: BLE001, S112 - it may be broken
            continue
