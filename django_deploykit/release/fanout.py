"""Runs the same work on several hosts at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TypeVar

from django_deploykit.errors import DeployKitError
from django_deploykit.release.transports.base import Transport
from django_deploykit.runtime.base.errors import HALF_DONE, INTERRUPTED

T = TypeVar("T")
_MOST = 32  # hosts at once
_PAUSE = 0.2  # seconds between checks for Ctrl-C


class Interruption(DeployKitError):
    """Ctrl-C, raised after the work has ended on every host.

    ``done`` has the results and ``errors`` the errors, by host.
    """

    def __init__(self, done: Mapping[str, object], errors: Mapping[str, DeployKitError]) -> None:
        self.done, self.errors = dict(done), dict(errors)
        half = any(one.exit_code == HALF_DONE for one in errors.values())
        rest = [
            f"{host}: {error.message}"
            for host, error in errors.items()
            if not error.message.startswith("interrupted")
        ]
        text = "\n".join(["interrupted; nothing was switched", *rest])
        super().__init__(text, "", HALF_DONE if half else INTERRUPTED)


def each(
    transports: Mapping[str, Transport], hosts: Sequence[str], work: Callable[[Transport], T]
) -> tuple[dict[str, T], dict[str, DeployKitError]]:
    """Run ``work`` on hosts in parallel; return results and errors by host.

    Ctrl-C is passed on to all hosts, and raised as :class:`Interruption` once they have ended.
    """
    done: dict[str, T] = {}
    errors: dict[str, DeployKitError] = {}

    def interrupt() -> None:
        for transport in transports.values():
            transport.interrupt()

    with (
        _listening(interrupt) as pressed,
        ThreadPoolExecutor(max_workers=max(1, min(_MOST, len(hosts)))) as pool,
    ):
        futures = {host: pool.submit(work, transports[host]) for host in hosts}
        # The timeout is needed: a signal just before this thread blocks is handled when it wakes.
        again = True
        while wait(futures.values(), timeout=_PAUSE).not_done:
            if pressed and again:  # work that was about to start missed the signal
                again = False
                interrupt()
        for host, future in futures.items():
            try:
                done[host] = future.result()
            except DeployKitError as error:
                errors[host] = error
    if pressed:
        raise Interruption(done, errors)
    return done, errors


@contextmanager
def _listening(interrupt: Callable[[], None]) -> Iterator[list[int]]:
    """Call ``interrupt`` for each Ctrl-C during the block; yield a list of the signals so far.

    KeyboardInterrupt could be raised anywhere in the block and would not reach the hosts.
    """
    pressed: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield pressed
        return

    def press(number: int, _: object) -> None:
        pressed.append(number)
        interrupt()

    before = signal.signal(signal.SIGINT, press)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)
