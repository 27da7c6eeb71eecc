"""Measures how the live site answers requests during a switch."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, TypeVar

from django_deploykit.errors import DeployKitError
from django_deploykit.release.report.timeline import Latency, Sample
from django_deploykit.release.transports.base import Transport, TransportWrapper
from django_deploykit.runtime.wire.calls import Call
from django_deploykit.runtime.wire.events import Event
from django_deploykit.runtime.wire.operating import WATCH, Watching, WatchResult

T = TypeVar("T")

_PATIENCE = 5.0  # seconds to wait for the probe before the switch starts without it
_END = 15.0  # seconds that a probe gets for its last request


class ProbedTransport(TransportWrapper):
    """A :class:`~.transports.base.Transport` that runs the verb ``watch`` during ``switch``."""

    def __init__(self, transport: Transport, found: list[Latency]) -> None:
        """``found`` gets what each probe measured. A probe that fails is left out silently."""
        super().__init__(transport)
        self._found = found

    def call(
        self,
        verb: Call[T],
        *arguments: str,
        stream: BinaryIO | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> T:
        """Run a verb, and probe the site if it is ``switch``."""
        if verb.name != "switch":
            return super().call(verb, *arguments, stream=stream, on_event=on_event)
        with self._probe():
            return super().call(verb, *arguments, stream=stream, on_event=on_event)

    @contextmanager
    def _probe(self) -> Iterator[None]:
        reader, writer = os.pipe()
        started = threading.Event()
        thread = threading.Thread(target=self._watch, args=(reader, started), daemon=True)
        thread.start()
        try:
            started.wait(_PATIENCE)
            yield
        finally:
            os.close(writer)
            thread.join(_END)

    def _watch(self, reader: int, started: threading.Event) -> None:
        offset = 0.0

        def on_event(event: Event) -> None:
            nonlocal offset
            if isinstance(event, Watching):
                offset = time.time() - event.now
            started.set()

        with os.fdopen(reader, "rb", buffering=0) as stream, contextlib.suppress(DeployKitError):
            result = super().call(WATCH, stream=stream, on_event=on_event)
            if result.count:
                self._found.append(read_latency(self.name, result, offset))
        started.set()


def read_latency(host: str, result: WatchResult, offset: float = 0.0) -> Latency:
    """Return the answer of ``watch`` as the figures for a report.

    ``offset`` is how many seconds this machine's clock is ahead of the host's.
    """
    samples = tuple(Sample(at + offset, seconds, good) for at, seconds, good in result.samples)
    return Latency(
        host,
        result.count,
        result.failed,
        result.p50,
        result.p99,
        result.slowest,
        samples,
    )
