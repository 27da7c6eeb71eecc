"""Running verbs: each has a channel for its input, its events, its answer and its errors."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, BinaryIO, Protocol, TypeVar

from django_deploykit.errors import DeployKitError
from django_deploykit.release.transports.base import LostError, read_answer
from django_deploykit.release.transports.multiplexer import VerbChannel
from django_deploykit.runtime.wire.calls import Call
from django_deploykit.runtime.wire.events import Event
from django_deploykit.runtime.wire.messages import Need
from django_deploykit.runtime.wire.reader import iter_lines

T = TypeVar("T")
_LONGEST = 1 << 15  # bytes of a piece of standard error that are kept
_MOST_AFTER = 1000  # lines
_OWN_INPUT = ("hold", "prepare")  # verbs that read standard input, and end when it ends


class Channel(Protocol):
    """The streams of one verb, with the method names of paramiko's channels."""

    def sendall(self, data: bytes) -> None:
        """Write to the verb's standard input."""

    def shutdown_write(self) -> None:
        """End the verb's standard input."""

    def makefile(self, mode: str) -> Any:
        """Return the verb's standard output."""

    def recv_stderr(self, size: int) -> bytes:
        """Return some of the verb's standard error, or no bytes at its end."""

    def recv_exit_status(self) -> int:
        """Return the verb's exit code, or -1 if the connection ended first."""

    def close(self) -> None:
        """Close the channel."""


class RunningVerbs:
    """The verbs that are running on one host, each in its own thread."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._verbs: dict[Channel, str] = {}
        self._cut: set[Channel] = set()

    def run(
        self,
        channel: Channel,
        verb: Call[T],
        stream: BinaryIO | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> T | Need:
        """Return a verb's answer, or what the host lacks to run it, and close the channel.

        Raises the verb's error, or :class:`LostError` if it ended without an answer.
        """
        errors: deque[bytes] = deque(maxlen=200)
        self._verbs[channel] = verb.name
        try:
            drain = start_thread(_drain, channel, errors)
            if stream is not None:
                start_thread(self._feed, channel, stream)
            answer = self._answer(channel, verb, on_event)
            if answer is not None:
                return answer
            code = channel.recv_exit_status()
            drain.join(2)
        finally:
            del self._verbs[channel]
            self._cut.discard(channel)
            channel.close()
        if code == -1:
            raise LostError(
                "the connection was lost", "Work already started on the host continues."
            )
        text = b"".join(errors).decode("utf-8", "replace").strip()
        raise LostError(f"the verb ended with {code}", text[-2000:])

    def _answer(
        self, channel: Channel, verb: Call[T], on_event: Callable[[Event], None] | None
    ) -> T | Need | None:
        output = channel.makefile("rb")
        if isinstance(channel, VerbChannel):
            return read_answer(verb, output, on_event)  # nothing that matters follows
        lines = iter_lines(output.readline)
        try:
            answer = read_answer(verb, lines, on_event)
        except LostError:
            raise
        except DeployKitError:
            _pass_over(lines)
            raise
        _pass_over(lines)  # the command ends by itself
        return answer

    def interrupt(self) -> None:
        """Pass Ctrl-C on. Verbs undo what they have begun, and data being sent is cut off."""
        for channel, verb in list(self._verbs.items()):
            with contextlib.suppress(OSError, ValueError):
                if verb == "receive":
                    self._cut.add(channel)
                    channel.shutdown_write()
                elif verb not in _OWN_INPUT:
                    channel.sendall(b"interrupt\n")

    def _feed(self, channel: Channel, stream: BinaryIO) -> None:
        with contextlib.suppress(OSError, ValueError):
            while channel not in self._cut and (piece := stream.read(1 << 16)):
                channel.sendall(piece)
        with contextlib.suppress(OSError, ValueError):
            channel.shutdown_write()


def _pass_over(lines: Iterator[bytes]) -> None:
    """Read what follows an answer, as far as it can be expected to end."""
    deque(islice(lines, _MOST_AFTER), 0)


def _drain(channel: Channel, errors: deque[bytes]) -> None:
    with contextlib.suppress(OSError):
        while piece := channel.recv_stderr(1 << 15):
            errors.append(piece[-_LONGEST:])


def start_thread(work: Callable[..., None], *arguments: Any) -> threading.Thread:
    """Start and return a thread that does not keep the process alive."""
    thread = threading.Thread(target=work, args=arguments, daemon=True)
    thread.start()
    return thread
