"""Logging in to servers while something else is done: a build waits for other processes anyway."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from typing import BinaryIO, TypeVar

from django_deploykit.errors import DeployKitError
from django_deploykit.release.transports.base import Passing, Transport
from django_deploykit.runtime.wire.calls import Call
from django_deploykit.runtime.wire.events import Event
from django_deploykit.runtime.wire.facts import FACTS, HostFacts

T = TypeVar("T")


class Asked(Passing):
    """A :class:`~.transport.Transport` whose facts are asked for as soon as it is open.

    They are a plan's first; what is done is planned again from those under the lock.
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
        """Run a verb; the first that asks for facts may find them known."""
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


class Early:
    """Transports that are made, opened and asked by threads of their own from now on."""

    def __init__(self, make: Callable[[], Sequence[Transport]], python: str) -> None:
        """``python`` as :class:`Asked` takes it."""
        self._python = python
        self._made: Sequence[Transport] = ()
        self._error: Exception | None = None
        self._ready = threading.Event()
        self._make = make
        _start(self._run)

    def transports(self) -> Sequence[Transport]:
        """Return them; the first verb on one waits until it is open.

        What went wrong in making them is raised here; in opening one, by its first verb.
        """
        self._ready.wait()
        if self._error is not None:
            raise self._error
        return self._made

    def leave(self) -> None:
        """Close what is open, without waiting for it: a server may take its time to let anybody in."""
        self._ready.wait()
        for one in self._made:
            _start(_quietly(one.close))

    def _run(self) -> None:
        try:
            self._made = [Asked(one, self._python) for one in self._make()]
        except Exception as error:  # noqa: BLE001 - raised where they are asked for
            self._error = error
        self._ready.set()
        for one in self._made:
            _start(_quietly(one.open))


def _quietly(work: Callable[[], None]) -> Callable[[], None]:
    def run() -> None:
        with contextlib.suppress(DeployKitError, OSError):
            work()

    return run


def _start(work: Callable[[], None]) -> None:
    threading.Thread(target=work, daemon=True).start()
