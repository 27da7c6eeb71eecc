"""A probe beside every switch: how the live site answered visitors meanwhile."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from django_deploykit.errors import DeployKitError
from django_deploykit.release.report.timeline import Latency, Sample
from django_deploykit.release.transports.base import Event, Passing, Transport

_PATIENCE = 5.0  # seconds until a switch goes on without its probe
_END = 15.0  # seconds that a probe gets for its last request


class Watched(Passing):
    """A :class:`~.transport.Transport` that runs the verb ``watch`` beside ``switch``."""

    def __init__(self, transport: Transport, found: list[Latency]) -> None:
        """``found`` gets what each probe saw; a probe that fails tells nothing and stops nothing."""
        super().__init__(transport)
        self._found = found

    def call(
        self,
        verb: str,
        *arguments: str,
        stream: BinaryIO | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> dict[str, Any]:
        """Run a verb, a switch with a probe beside it."""
        if verb != "switch":
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
            offset = time.time() - float(event.get("now", time.time()))
            started.set()

        with os.fdopen(reader, "rb", buffering=0) as stream, contextlib.suppress(DeployKitError):
            result = super().call("watch", stream=stream, on_event=on_event)
            if result["count"]:
                self._found.append(read_latency(self.name, result, offset))
        started.set()


def read_latency(host: str, result: dict[str, Any], offset: float = 0.0) -> Latency:
    """Return what the verb told; ``offset`` is how far this clock is ahead of the host's, in seconds."""
    samples = tuple(
        Sample(float(at) + offset, float(seconds), bool(good))
        for at, seconds, good in result["samples"]
    )
    return Latency(
        host,
        int(result["count"]),
        int(result["failed"]),
        float(result["p50"]),
        float(result["p99"]),
        float(result["slowest"]),
        samples,
    )
