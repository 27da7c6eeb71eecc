"""Logging in to servers while a bundle is built: the build waits for other processes anyway."""

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
    """A :class:`~.transports.base.Transport` that asks for the host's facts as soon as it is open.

    A first plan is made of them; the one that is executed is made of facts under the deploy lock.
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
        """Run a verb; the first one for facts may get those that are known already."""
        if verb.name == "facts" and arguments == self._arguments:
            with self._asking:
                known, self._facts = self._facts, None
            if isinstance(known, verb.answer):
                return known
        return super().call(verb, *arguments, stream=stream, on_event=on_event)

    def open(self) -> None:
        """Connect, and ask."""
        with self._asking:
            super().open()
            self._facts = super().call(FACTS, *self._arguments)


class Prefetch:
    """Makes transports, opens them and asks for facts, in threads of its own."""

    def __init__(self, make: Callable[[], Sequence[Transport]], python: str) -> None:
        """``python`` as :class:`PrefetchingTransport` takes it."""
        self._python = python
        self._made: Sequence[Transport] = ()
        self._error: Exception | None = None
        self._ready = threading.Event()
        self._make = make
        start_thread(self._run)

    def transports(self) -> Sequence[Transport]:
        """Return the transports; the first verb on one waits until it is open.

        Raises the error of making them; the error of opening one is raised by its first verb.
        """
        self._ready.wait()
        if self._error is not None:
            raise self._error
        return self._made

    def close(self) -> None:
        """Close the transports in the background: one may still be waiting for its server."""
        self._ready.wait()
        for one in self._made:
            start_thread(_quietly, one.close)

    def _run(self) -> None:
        try:
            self._made = [PrefetchingTransport(one, self._python) for one in self._make()]
        except Exception as error:  # noqa: BLE001 - raised where they are asked for
            self._error = error
        self._ready.set()
        for one in self._made:
            start_thread(_quietly, one.open)


def _quietly(work: Callable[[], None]) -> None:
    with contextlib.suppress(DeployKitError, OSError):
        work()
