"""The interface to one host: the built-in ``local`` one, or a server over SSH."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import BinaryIO, Protocol, TypeVar

from django_deploykit.errors import DeployKitError
from django_deploykit.runtime.wire.calls import Call
from django_deploykit.runtime.wire.events import Event
from django_deploykit.runtime.wire.messages import Failure, Need, Result, read_message
from django_deploykit.runtime.wire.reader import WireError

T = TypeVar("T")
_MOST_PASSED = 1 << 20  # bytes of lines that are no messages


class LostError(DeployKitError):
    """The connection ended before the verb did, so it is not known what the verb did."""


def lacking(need: Need) -> DeployKitError:
    """Return the error for a host that cannot run verbs."""
    hint = (
        "Install Python 3.9 or newer there: apt-get install python3. "
        "Or let bundles bring their own: interpreter in [bundle] of deploykit.ini."
    )
    return DeployKitError(f"it has no {need.need}", hint)


def read_answer(
    call: Call[T],
    lines: Iterable[bytes],
    on_event: Callable[[Event], None] | None,
    most: int | None = None,
) -> T | Need | None:
    """Return a verb's answer from the lines that it prints, or what the host lacks to run it.

    Return None if the lines end without an answer. Raises the verb's error. Raises
    :class:`LostError` for invalid lines, because it is then not known what the verb did. Other text,
    which a login shell may print, is passed over as long as it ends. ``most`` limits the bytes of
    events.
    """
    passed = reported = 0
    try:
        for line in lines:
            message = read_message(call, line)
            passed += len(line) if message is None else 0
            if passed > _MOST_PASSED:
                raise LostError("the host prints other text than a verb's, without end")
            if isinstance(message, Result):
                return message.value
            if isinstance(message, Failure):
                raise message.as_error()
            if isinstance(message, Need):
                return message
            if message is not None:
                reported += len(line)
                if most is not None and reported > most:
                    raise LostError("the host reports events without end")
                if on_event is not None:
                    on_event(message)
    except WireError as error:
        raise LostError(f"the host's answer is not valid: {error.message}", error.hint) from error
    return None


class Transport(Protocol):
    """Runs verbs of the runtime on one host."""

    @property
    def name(self) -> str:
        """The host as the user wrote it; ``local`` for this machine."""

    def call(
        self,
        verb: Call[T],
        *arguments: str,
        stream: BinaryIO | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> T:
        """Run a verb and return its answer. The transport adds ``--root``.

        ``stream`` becomes the verb's standard input. ``on_event`` gets each event as it arrives.
        The verb's error is raised as :class:`DeployKitError` with its exit code. A lost connection
        or an invalid answer is raised as :class:`LostError`.
        """

    def attach(self, verb: str, *arguments: str) -> int:
        """Run a verb on the user's terminal (``exec``, ``logs -f``); return its exit code."""

    def interrupt(self) -> None:
        """Pass Ctrl-C on to the running verbs. They end by themselves."""

    def open(self) -> None:
        """Connect before the first verb. Without this call, the first verb connects."""

    def close(self) -> None:
        """End the connection."""


class TransportWrapper:
    """A :class:`Transport` that passes everything on to another, as a base for subclasses."""

    def __init__(self, transport: Transport) -> None:
        """``transport`` does the work."""
        self._transport = transport

    @property
    def name(self) -> str:
        """The host's name."""
        return self._transport.name

    def call(
        self,
        verb: Call[T],
        *arguments: str,
        stream: BinaryIO | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> T:
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
