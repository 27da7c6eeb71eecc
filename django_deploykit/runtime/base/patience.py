"""Reads standard input from the controller, and stops if the controller is silent for too long."""

from __future__ import annotations

import io
import os
import time
from contextlib import suppress
from typing import Any, BinaryIO

SILENCE = 60.0  # seconds without data from the controller, after which it counts as gone
GOODBYE = b"done\n"  # ends what a caller sends if it ends as it should
_PIPE_SIZE, _WIDE = 1031, 1 << 20  # Linux's F_SETPIPE_SZ, and the size that any user may request


class Patient(io.RawIOBase):
    """Reads data from the caller; after :data:`SILENCE` seconds without data, the stream ends.

    A pipe is made wide: data that a narrow pipe cannot hold piles up in sshd, which copies its
    buffer each time it grows. That by itself would halve the rate at which files arrive.
    """

    def __init__(self, descriptor: int) -> None:
        import fcntl

        super().__init__()
        self._descriptor = descriptor
        with suppress(OSError):
            fcntl.fcntl(descriptor, _PIPE_SIZE, _WIDE)

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read available data, or wait for it."""
        import select

        if not select.select([self._descriptor], [], [], SILENCE)[0]:
            return 0
        return os.readv(self._descriptor, [buffer])


def has_ended(descriptor: int) -> bool:
    """Return whether the caller closed a stream; data that only shows that it lives is dropped."""
    import select

    while select.select([descriptor], [], [], 0)[0]:
        if not os.read(descriptor, 4096):
            return True
    return False


def wait_for_end(stream: BinaryIO, patience: float) -> str:
    """Wait until the caller closes the stream, or sends nothing for ``patience`` seconds.

    Returns ``released`` if its last line was :data:`GOODBYE`, else ``lost`` or ``silent``.
    """
    import select

    last, end = time.monotonic(), b""
    while time.monotonic() - last < patience:
        ready, _, _ = select.select([stream], [], [], 1.0)
        if ready:
            piece = os.read(stream.fileno(), 4096)
            if not piece:
                return "released" if end == GOODBYE else "lost"
            end = (end + piece)[-len(GOODBYE) :]
            last = time.monotonic()
    return "silent"
