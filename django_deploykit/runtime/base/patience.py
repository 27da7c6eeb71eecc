"""What the controller sends on standard input: read with patience, which ends where it is silent."""

from __future__ import annotations

import io
import os
import time
from contextlib import suppress
from typing import Any, BinaryIO

SILENCE = 60.0  # seconds without a sign of life from the controller, which then counts as gone
_PIPE_SIZE, _WIDE = 1031, 1 << 20  # Linux's F_SETPIPE_SZ, and the size that any user may ask for


class Patient(io.RawIOBase):
    """Reads what the caller sends; silence of :data:`SILENCE` seconds is the end of it.

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


def has_ended(descriptor: int) -> bool:
    """Whether the caller closed a stream; signs of life in it are read and dropped."""
    import select

    while select.select([descriptor], [], [], 0)[0]:
        if not os.read(descriptor, 4096):
            return True
    return False


def wait_for_end(stream: BinaryIO, patience: float) -> str:
    """Wait until the caller closes the stream, or says nothing for ``patience`` seconds.

    Returns ``released`` or ``silent``.
    """
    import select

    last = time.monotonic()
    while time.monotonic() - last < patience:
        ready, _, _ = select.select([stream], [], [], 1.0)
        if ready:
            if not os.read(stream.fileno(), 4096):
                return "released"
            last = time.monotonic()
    return "silent"
