"""Many verbs over one channel: what ``runtime.cli.server`` says and hears, on this side."""

from __future__ import annotations

import contextlib
import json
import queue
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from django_deploykit.runtime.wire.reader import WireError, iter_lines

_READY = b"ready\n"
_LOST = -1  # the exit code of a verb whose connection ended, as paramiko gives it


class Call:
    """A verb that runs in a session; to whoever uses it, a channel."""

    def __init__(self, session: Session, number: int) -> None:
        self._session, self._number = session, number
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._errors: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._code = _LOST

    def sendall(self, data: bytes) -> None:
        """Send some of its standard input."""
        self._session.send({"call": self._number, "size": len(data)}, data)

    def shutdown_write(self) -> None:
        """End its standard input."""
        self._session.send({"call": self._number, "end": True})

    def makefile(self, _: str) -> Iterator[bytes]:
        """Yield the lines of its output until it ends."""
        while (line := self._lines.get()) is not None:
            yield line

    def recv_stderr(self, _: int) -> bytes:
        """Return some of its errors, b"" at their end."""
        return self._errors.get() or b""

    def recv_exit_status(self) -> int:
        """Return its exit code once it has ended, -1 where the connection did first."""
        return self._code

    def close(self) -> None:
        """Let it be."""
        self._session.forget(self._number)

    def told(self, kind: bytes, line: bytes) -> None:
        """Take what the session heard of it."""
        if kind == b"o":
            self._lines.put(line)
        elif kind == b"e":
            self._errors.put(line)
        else:
            self.ended(int(line))

    def ended(self, code: int) -> None:
        """Take its end."""
        self._code = code
        self._errors.put(None)
        self._lines.put(None)


class Session:
    """One channel on which a host serves verbs."""

    def __init__(self, channel: Any) -> None:
        """``channel`` runs the verb ``serve``."""
        self._channel = channel
        self._calls: dict[int, Call] = {}
        self._number = 0
        self._writing, self._counting = threading.Lock(), threading.Lock()
        self._begun = threading.Event()
        self.first = b""  # the line that came first, where it was another than "ready"
        self.alive = True
        threading.Thread(target=self._read, daemon=True).start()

    def ready(self) -> bool:
        """Wait until the host serves; False where it said something else, or nothing."""
        self._begun.wait()
        return self.alive and not self.first

    def call(self, words: Sequence[str]) -> Call:
        """Begin a verb."""
        with self._counting:
            self._number += 1
            number, made = self._number, Call(self, self._number)
            self._calls[number] = made
        if not self.alive:
            raise EOFError("the session has ended")
        self.send({"call": number, "words": list(words)})
        return made

    def send(self, message: dict[str, object], data: bytes = b"") -> None:
        """Send a line and what belongs to it, whole."""
        line = json.dumps(message, separators=(",", ":")).encode() + b"\n"
        with self._writing:
            self._channel.sendall(line + data)

    def forget(self, number: int) -> None:
        """Take what comes of a call no more; its verb goes on."""
        with self._counting:
            self._calls.pop(number, None)

    def close(self) -> None:
        """End the session; what runs in it goes on there."""
        with contextlib.suppress(OSError, EOFError):
            self._channel.close()

    def _read(self) -> None:
        try:
            lines = self._channel.makefile("rb")
            line = lines.readline()
            self.first = b"" if line == _READY else line
            if line == _READY:
                self._begun.set()
                for line in iter_lines(lines.readline):
                    self._dispatch(line)
        except (OSError, EOFError, ValueError, WireError):
            pass
        finally:
            with self._counting:
                self.alive = False
                left = list(self._calls.values())
            for one in left:
                one.ended(_LOST)
            self._begun.set()

    def _dispatch(self, line: bytes) -> None:
        head, _, rest = line.partition(b" ")
        with self._counting:
            found = self._calls.get(int(head[1:]))
        if found is not None:
            found.told(head[:1], rest)
