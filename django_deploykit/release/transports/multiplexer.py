"""Runs many verbs over one channel: the controller's side of ``runtime.cli.server``."""

from __future__ import annotations

import contextlib
import json
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

from django_deploykit.release.transports.limits import within
from django_deploykit.runtime.cli.server import ALIVE, READY
from django_deploykit.runtime.wire.reader import LINE_LIMIT, WireError, iter_lines

_FIRST = 20  # lines before "ready" that are kept
_LONGEST = 1 << 12  # bytes of each
_MOST_BEFORE = 1 << 20  # bytes before "ready"
_STARTING = 60.0  # seconds that a host may take until it serves
_SENDING = 60.0  # seconds that a host may take to read a message
_MOST_OUTPUT = 2 * LINE_LIMIT  # bytes of a verb's output, which wait in memory until they are read
_LOST = -1  # the exit code of a verb whose connection ended, as in paramiko


class VerbChannel:
    """The channel of one verb, with the methods of paramiko's channels."""

    def __init__(self, multiplexer: Multiplexer, number: int) -> None:
        self._multiplexer, self._number = multiplexer, number
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._errors: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._code, self._printed = _LOST, 0

    def sendall(self, data: bytes) -> None:
        """Send data to the verb's standard input."""
        self._multiplexer.send({"call": self._number, "size": len(data)}, data)

    def shutdown_write(self) -> None:
        """End the verb's standard input."""
        self._multiplexer.send({"call": self._number, "end": True})

    def makefile(self, _: str) -> Iterator[bytes]:
        """Yield the lines of the verb's output until it ends."""
        while (line := self._lines.get()) is not None:
            yield line

    def recv_stderr(self, _: int) -> bytes:
        """Return a line of the verb's standard error, or no bytes at its end."""
        return self._errors.get() or b""

    def recv_exit_status(self) -> int:
        """Return the exit code once the verb has ended, or -1 if the connection ended first."""
        return self._code

    def close(self) -> None:
        """Ignore what the verb prints from now on. The verb continues."""
        self._multiplexer.forget(self._number)

    @property
    def problem(self) -> str:
        """Why the connection ended."""
        return self._multiplexer.problem

    def heard(self) -> float:
        """Return when the host last sent a line, on the clock of ``time.monotonic``."""
        return self._multiplexer.heard

    def give_up(self, problem: str) -> None:
        """Close the whole connection, because a host that exceeds limits is of no use."""
        self._multiplexer.give_up(problem)

    def receive(self, kind: bytes, line: bytes) -> None:
        """Handle a line from the server about this verb."""
        self._printed += len(line)
        if self._printed > _MOST_OUTPUT:
            self.give_up("it prints without end")
        elif kind == b"o":
            self._lines.put(line)
        elif kind == b"e":
            self._errors.put(line)
        else:
            self.end(int(line))

    def end(self, code: int) -> None:
        """Record that the verb has ended."""
        self._code = code
        self._errors.put(None)
        self._lines.put(None)


class Multiplexer:
    """Runs verbs over one channel, on which the host runs the verb ``serve``.

    ``printed`` has the last lines printed before the host was ready. ``alive`` is false once the
    channel has ended. ``problem`` says why the host does not serve. ``heard`` is when the host last
    sent a line, on the clock of ``time.monotonic``.
    """

    def __init__(self, channel: Any, patience: float = _STARTING) -> None:
        self._channel = channel
        self._verbs: dict[int, VerbChannel] = {}
        self._number = 0
        self._writing, self._counting = threading.Lock(), threading.Lock()
        self._begun = threading.Event()
        self._patience, self._before = patience, 0
        self.printed: list[bytes] = []
        self.heard = time.monotonic()
        self.problem = "the connection was lost"
        self.alive, self._serves = True, False
        threading.Thread(target=self._read, daemon=True).start()

    def ready(self) -> bool:
        """Wait until the host serves or the channel ends, and return whether the host serves.

        A shell's startup files may hang, or print without end. Then the channel is closed.
        """
        if not self._begun.wait(self._patience):
            self.give_up(f"it did not run a verb within {self._patience:g} s")
        return self.alive and self._serves

    def give_up(self, problem: str) -> None:
        """Close the channel, and end every verb, because of what the host did or did not do."""
        self.problem, self.alive = problem, False
        self._begun.set()
        self._end_verbs()
        self.close()

    def start(self, words: Sequence[str]) -> VerbChannel:
        """Start a verb and return its channel. Raises EOFError if the connection has ended."""
        with self._counting:
            self._number += 1
            number, made = self._number, VerbChannel(self, self._number)
            self._verbs[number] = made
        if not self.alive:
            raise EOFError("the connection has ended")
        try:
            with within(_SENDING, lambda: self.give_up("it does not read what is sent")):
                self.send({"call": number, "words": list(words)})
        except OSError as error:
            raise EOFError(self.problem) from error
        return made

    def send(self, message: dict[str, object], data: bytes = b"") -> None:
        """Send a line and its data, with no other message in between."""
        line = json.dumps(message, separators=(",", ":")).encode() + b"\n"
        with self._writing:
            self._channel.sendall(line + data)

    def forget(self, number: int) -> None:
        """Ignore everything about a verb from now on."""
        with self._counting:
            self._verbs.pop(number, None)

    def close(self) -> None:
        """Close the channel. Running verbs continue."""
        with contextlib.suppress(OSError, EOFError):
            self._channel.close()

    def _read(self) -> None:
        try:
            for line in iter_lines(self._channel.makefile("rb").readline):
                self.heard = time.monotonic()
                if self._serves:
                    if line != ALIVE:
                        self._dispatch(line)
                elif line == READY:
                    self._serves = True
                    self._begun.set()
                else:  # a shell's startup files may print
                    self.printed = [*self.printed[1 - _FIRST :], line[:_LONGEST]]
                    self._before += len(line)
                    if self._before > _MOST_BEFORE:
                        self.give_up("its shell prints without end when it starts")
                        break
        except (OSError, EOFError, ValueError, WireError):
            pass
        finally:
            self._end_verbs()
            self._begun.set()

    def _end_verbs(self) -> None:
        with self._counting:
            self.alive = False
            left = list(self._verbs.values())
        for one in left:
            one.end(_LOST)

    def _dispatch(self, line: bytes) -> None:
        head, _, rest = line.partition(b" ")
        with self._counting:
            found = self._verbs.get(int(head[1:]))
        if found is not None:
            found.receive(head[:1], rest)
