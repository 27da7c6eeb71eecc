"""How a controller reaches one host: the built-in ``local`` one, or a server over SSH."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, BinaryIO, Protocol

from django_deploykit.errors import DeployKitError

Event = dict[str, Any]


class LostError(DeployKitError):
    """The connection ended before the verb did; what the verb did is not known."""


class Transport(Protocol):
    """Calls verbs of the runtime on one host."""

    @property
    def name(self) -> str:
        """The host as the user wrote it; ``local`` for this machine."""

    def call(
        self,
        verb: str,
        *arguments: str,
        stream: BinaryIO | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> dict[str, Any]:
        """Run a verb (``--root`` is added here) and return its ``result``.

        ``stream`` becomes its standard input, ``on_event`` gets each event as it arrives. The verb's
        ``error`` is raised as :class:`DeployKitError` with its exit code, a lost connection as
        :class:`LostError`.
        """

    def attach(self, verb: str, *arguments: str) -> int:
        """Run a verb on the user's terminal (``exec``, ``logs -f``); return its exit code."""

    def interrupt(self) -> None:
        """Pass Ctrl-C on to the verb that runs now; it ends by itself."""

    def open(self) -> None:
        """Connect, so that the first verb finds a connection; verbs do it by themselves, too."""

    def close(self) -> None:
        """End the connection."""


class Passing:
    """A :class:`Transport` that hands everything on to another; who adds something derives from it."""

    def __init__(self, transport: Transport) -> None:
        """``transport`` does the work."""
        self._transport = transport

    @property
    def name(self) -> str:
        """The host's name."""
        return self._transport.name

    def call(
        self,
        verb: str,
        *arguments: str,
        stream: BinaryIO | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> dict[str, Any]:
        """Run a verb."""
        return self._transport.call(verb, *arguments, stream=stream, on_event=on_event)

    def attach(self, verb: str, *arguments: str) -> int:
        """Run a verb on the user's terminal."""
        return self._transport.attach(verb, *arguments)

    def interrupt(self) -> None:
        """Pass Ctrl-C on."""
        self._transport.interrupt()

    def open(self) -> None:
        """Connect."""
        self._transport.open()

    def close(self) -> None:
        """End the connection."""
        self._transport.close()
