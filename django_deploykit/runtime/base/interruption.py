"""Ctrl-C from afar: a line on standard input interrupts a verb."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any


def listen_for_interrupts(descriptor: int) -> None:
    """Turn a line ``interrupt`` that comes through a descriptor into SIGINT.

    The end of the stream means nothing: a lost connection does not end what is under way.
    """
    heard = threading.Event()

    def hear(number: int, frame: Any) -> None:
        if not heard.is_set():
            heard.set()
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, hear)

    def listen() -> None:
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

    threading.Thread(target=listen, daemon=True).start()
