"""How a verb talks: JSON lines to a program, plain lines to a person at a terminal."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from typing import Any, BinaryIO, Dict

from .errors import DeployKitError

SILENCE = 60.0  # seconds without a sign of life from the controller, which then counts as gone


class Voice:
    """Writes events, the result or the error; a caller that is gone does not disturb the work.

    One that does not read for :data:`SILENCE` seconds, its connection being dead, counts as gone.
    """

    def __init__(self, person: bool) -> None:
        self.person = person

    def tell(self, event: str, **facts: Any) -> None:
        """Say what goes on."""
        if self.person:
            if event == "line":
                self._write(f"    {facts['line']}")
            elif event != "received":
                detail = ", ".join(
                    f"{key} {_plain(value)}"
                    for key, value in facts.items()
                    if value not in ("", [])
                )
                self._write(f"  {event}{': ' + detail if detail else ''}")
        else:
            self._write(json.dumps({"event": event, **facts}))

    def result(self, result: Dict[str, Any]) -> None:
        """Say how it ended well."""
        self._write(_page(result) if self.person else json.dumps({"result": result}))

    def error(self, error: DeployKitError) -> None:
        """Say what went wrong."""
        if self.person:
            print(f"error: {error.message}", file=sys.stderr)
            if error.hint:
                print(error.hint, file=sys.stderr)
        else:
            facts = {"message": error.message, "hint": error.hint, "exit_code": error.exit_code}
            self._write(json.dumps({"error": facts}))

    def _write(self, text: str) -> None:
        try:
            there = self.person or _takes(sys.stdout.fileno())
            if there:
                sys.stdout.write(text + "\n")
                sys.stdout.flush()
        except (BrokenPipeError, ConnectionError):
            there = False
        if not there:
            # The controller is gone; the host goes on by itself.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _takes(descriptor: int) -> bool:
    """Wait until a line can be written; False where nobody reads any more."""
    import select

    return bool(select.select([], [descriptor], [], SILENCE)[1])


_PIPE_SIZE, _WIDE = 1031, 1 << 20  # Linux's F_SETPIPE_SZ, and what anybody may ask for


class Patient(io.RawIOBase):
    """What the caller sends, to be read; silence of :data:`SILENCE` seconds is the end of it.

    A pipe is made wide: what a narrow one does not take piles up in sshd, whose buffer is copied each
    time it grows. That alone halves the rate at which files come in.
    """

    def __init__(self, descriptor: int) -> None:
        import fcntl

        super().__init__()
        self._descriptor = descriptor
        with suppress(OSError):
            fcntl.fcntl(descriptor, _PIPE_SIZE, _WIDE)

    def readable(self) -> bool:
        """Whether it can be read: yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what is there, waiting for it."""
        import select

        if not select.select([self._descriptor], [], [], SILENCE)[0]:
            return 0
        return os.readv(self._descriptor, [buffer])


def _plain(value: Any) -> str:
    return ", ".join(str(one) for one in value) if isinstance(value, (list, tuple)) else str(value)


def _page(result: Dict[str, Any]) -> str:
    lines = []
    for key, value in result.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            lines.append(f"{key}:")
            lines += [
                "  " + "  ".join(f"{name}={one}" for name, one in row.items()) for row in value
            ]
        elif isinstance(value, dict):
            lines.append(f"{key}:")
            lines += [f"  {name}: {_plain(one)}" for name, one in value.items()]
        else:
            lines.append(f"{key}: {_plain(value)}")
    return "\n".join(lines)


def heed(descriptor: int) -> None:
    """Let the caller interrupt this process through a descriptor, its standard input.

    A line ``interrupt`` becomes SIGINT. The end of the stream means nothing: a lost connection does
    not end what is under way.
    """

    heard = threading.Event()

    def hear(number: int, frame: Any) -> None:
        if not heard.is_set():
            heard.set()
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, hear)

    def watch() -> None:
        # Not through a buffered stream: a thread that waits inside one holds its lock, and an
        # interpreter that ends waits a second for that lock and then aborts.
        rest = b""
        while True:
            try:
                piece = os.read(descriptor, 4096)
            except OSError:
                return
            if not piece:
                return
            *lines, rest = (rest + piece).split(b"\n")
            if any(line.strip() == b"interrupt" for line in lines):
                os.kill(os.getpid(), signal.SIGINT)
                # One that comes just before the main thread blocks is heard when that wakes.
                if not heard.wait(1.0) and signal.getsignal(signal.SIGINT) is hear:
                    os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=watch, daemon=True).start()


def has_ended(descriptor: int) -> bool:
    """Whether the caller closed a stream; signs of life in it are read and forgotten."""
    import select

    while select.select([descriptor], [], [], 0)[0]:
        if not os.read(descriptor, 4096):
            return True
    return False


def wait_for_end(stream: BinaryIO, patience: float) -> str:
    """Wait until the caller closes the stream, or says nothing for ``patience`` seconds."""
    import select

    last = time.monotonic()
    while time.monotonic() - last < patience:
        ready, _, _ = select.select([stream], [], [], 1.0)
        if ready:
            if not os.read(stream.fileno(), 4096):
                return "released"
            last = time.monotonic()
    return "silent"
