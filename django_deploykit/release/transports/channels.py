"""Running verbs: each has a channel for its input, its events, its answer and its errors."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, BinaryIO, Protocol, TypeVar

from django_deploykit.errors import DeployKitError
from django_deploykit.release.transports.base import LostError, read_answer
from django_deploykit.release.transports.limits import HINT, Limits, Watchdog, within
from django_deploykit.release.transports.multiplexer import VerbChannel
from django_deploykit.runtime.wire.calls import Call
from django_deploykit.runtime.wire.events import Event
from django_deploykit.runtime.wire.messages import Need
from django_deploykit.runtime.wire.reader import iter_lines

T = TypeVar("T")
_LONGEST = 1 << 15  # bytes of a piece of standard error that are kept
_MOST_AFTER = 1000  # lines
_INTERRUPTING = 1.0  # seconds
_LOST = "the connection was lost"
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

    def __init__(self, name: str, limits: Limits | None = None) -> None:
        """Without ``limits``, verbs are not limited, because they run on this machine."""
        self.name, self._limits = name, limits
        self._verbs: dict[Channel, str] = {}
        self._cut: set[Channel] = set()
        self._watchdogs: dict[Channel, Watchdog] = {}
        self._interrupted = False

    def run(
        self,
        channel: Channel,
        verb: Call[T],
        stream: BinaryIO | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> T | Need:
        """Return a verb's answer, or what the host lacks to run it, and close the channel.

        Raises the verb's error, or :class:`LostError` if it ended without an answer or exceeded a
        limit.
        """
        errors: deque[bytes] = deque(maxlen=200)
        self._verbs[channel] = verb.name
        try:
            with _watchdog(channel, verb, self._limits) as watchdog:
                self._watchdogs[channel] = watchdog
                if self._interrupted:
                    self._hurry([watchdog])
                drain = start_thread(_drain, channel, errors, watchdog, self._limits)
                if stream is not None:
                    start_thread(self._feed, channel, stream, watchdog)
                try:
                    answer = self._answer(channel, verb, on_event, watchdog)
                except (OSError, EOFError):
                    if not watchdog.problem:
                        raise
                    answer = None
                if answer is not None:
                    return answer
                code = -1 if watchdog.problem else channel.recv_exit_status()
                drain.join(2)
        finally:
            del self._verbs[channel]
            self._watchdogs.pop(channel, None)
            self._cut.discard(channel)
            channel.close()
        if watchdog.problem:
            raise LostError(watchdog.problem, HINT)
        if code == -1:
            problem = channel.problem if isinstance(channel, VerbChannel) else _LOST
            raise LostError(problem, "Work already started on the host continues.")
        text = b"".join(errors).decode("utf-8", "replace").strip()
        raise LostError(f"the verb ended with {code}", text[-2000:])

    def _answer(
        self,
        channel: Channel,
        verb: Call[T],
        on_event: Callable[[Event], None] | None,
        watchdog: Watchdog,
    ) -> T | Need | None:
        output = channel.makefile("rb")
        most = self._limits.events if self._limits else None
        if isinstance(channel, VerbChannel):
            return read_answer(verb, output, on_event, most)  # nothing that matters follows
        lines = _heard(iter_lines(output.readline), watchdog)
        try:
            answer = read_answer(verb, lines, on_event, most)
        except LostError:
            raise
        except DeployKitError:
            self._pass_over(channel, lines)
            raise
        self._pass_over(channel, lines)  # the command ends by itself
        return answer

    def _pass_over(self, channel: Channel, lines: Iterator[bytes]) -> None:
        """Read what follows an answer, as far as it can be expected to end."""
        if self._limits is None:
            deque(lines, 0)
        else:
            with within(self._limits.ending, channel.close):
                deque(islice(lines, _MOST_AFTER), 0)

    def interrupt(self) -> None:
        """Pass Ctrl-C on. Verbs undo what they have begun, and data being sent is cut off."""
        if not self._interrupted:
            self._interrupted = True
            self._hurry(list(self._watchdogs.values()))
        start_thread(self._interrupt).join(_INTERRUPTING)  # a host may not read what is sent

    def _hurry(self, watchdogs: Iterable[Watchdog]) -> None:
        """Limit the time of verbs after Ctrl-C: a hostile host could hold the controller for a day."""
        if self._limits is not None:
            for watchdog in watchdogs:
                watchdog.hurry(self._limits.interrupted)

    def _interrupt(self) -> None:
        for channel, verb in list(self._verbs.items()):
            with contextlib.suppress(OSError, ValueError):
                if verb == "receive":
                    self._cut.add(channel)
                    channel.shutdown_write()
                elif verb not in _OWN_INPUT:
                    channel.sendall(b"interrupt\n")

    def _feed(self, channel: Channel, stream: BinaryIO, watchdog: Watchdog) -> None:
        with contextlib.suppress(OSError, ValueError):
            while channel not in self._cut and (piece := stream.read(1 << 16)):
                channel.sendall(piece)
                watchdog.hear()
        with contextlib.suppress(OSError, ValueError):
            channel.shutdown_write()


def _watchdog(channel: Channel, verb: Call[T], limits: Limits | None) -> Watchdog:
    """Return what gives a verb up if its host exceeds the limits."""
    if limits is None:
        return Watchdog(0.0, 0.0, lambda _: None)
    if isinstance(channel, VerbChannel):
        return Watchdog(verb.seconds, limits.silence, channel.give_up, channel.heard)
    return Watchdog(verb.seconds, limits.quiet, lambda _: channel.close())


def _heard(lines: Iterator[bytes], watchdog: Watchdog) -> Iterator[bytes]:
    for line in lines:
        watchdog.hear()
        yield line


def _drain(
    channel: Channel, errors: deque[bytes], watchdog: Watchdog, limits: Limits | None
) -> None:
    count = 0
    with contextlib.suppress(OSError):
        while piece := channel.recv_stderr(1 << 15):
            errors.append(piece[-_LONGEST:])
            count += len(piece)
            if limits is not None and count > limits.errors:
                watchdog.end("it prints errors without end")
                return


def start_thread(work: Callable[..., None], *arguments: object) -> threading.Thread:
    """Start and return a thread that does not keep the process alive."""
    thread = threading.Thread(target=work, args=arguments, daemon=True)
    thread.start()
    return thread
