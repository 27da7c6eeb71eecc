"""Logs in to servers during a build, which mostly waits for other processes."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from typing import BinaryIO, TypeVar

from django_deploykit.errors import DeployKitError
from django_deploykit.release.transports.base import Transport, TransportWrapper
from django_deploykit.release.transports.channels import start_thread
from django_deploykit.runtime.wire.calls import Call
from django_deploykit.runtime.wire.events import Event
from django_deploykit.runtime.wire.facts import FACTS, HostFacts

T = TypeVar("T")


class PrefetchingTransport(TransportWrapper):
    """A :class:`~.transports.base.Transport` that asks for the host's facts when it connects.

    The first plan is made from these facts. The plan that is executed is made from facts collected
    while the deploy lock is held.
    """

    def __init__(self, transport: Transport, python: str) -> None:
        """``python`` is the version that the bundle will most likely need."""
        super().__init__(transport)
        self._arguments = ("--python", python)
        self._facts: HostFacts | None = None
        self._asking = threading.Lock()

    def call(
        self,
        verb: Call[T],
        *arguments: str,
        stream: BinaryIO | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> T:
        """Run a verb. The first ``facts`` call may return the facts fetched when connecting."""
        if verb.name == "facts" and arguments == self._arguments:
            with self._asking:
                known, self._facts = self._facts, None
            if isinstance(known, verb.answer):
                return known
        return super().call(verb, *arguments, stream=stream, on_event=on_event)

    def open(self) -> None:
        """Connect and ask for the facts."""
        with self._asking:
            super().open()
            self._facts = super().call(FACTS, *self._arguments)


class Prefetch:
    """Makes transports, connects them and asks for facts, in background threads."""

    def __init__(self, make: Callable[[], Sequence[Transport]], python: str) -> None:
        """``python`` is the version that the bundle will most likely need."""
        self._python = python
        self._made: Sequence[Transport] = ()
        self._error: Exception | None = None
        self._ready = threading.Event()
        self._make = make
        start_thread(self._run)

    def transports(self) -> Sequence[Transport]:
        """Return the transports. The first verb on each waits until it is connected.

        Raises the error if they cannot be made. A connection error is raised by the first verb.
        """
        self._ready.wait()
        if self._error is not None:
            raise self._error
        return self._made

    def close(self) -> None:
        """Close the transports in the background, as one may still be waiting for its server."""
        self._ready.wait()
        for one in self._made:
            start_thread(_quietly, one.close)

    def _run(self) -> None:
        try:
            self._made = [PrefetchingTransport(one, self._python) for one in self._make()]
        except Exception as error:  # noqa: BLE001 - raised by transports()
            self._error = error
        self._ready.set()
        for one in self._made:
            start_thread(_quietly, one.open)


def _quietly(work: Callable[[], None]) -> None:
    with contextlib.suppress(DeployKitError, OSError):
        work()
