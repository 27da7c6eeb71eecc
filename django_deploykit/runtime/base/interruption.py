"""Ctrl-C from the controller: a line on standard input interrupts a verb."""

from __future__ import annotations

import os
import select
import signal
from typing import List

from .workers import fork, is_single_threaded


def listen_for_interrupts(descriptor: int) -> None:
    """Raise SIGINT in this process when a line ``interrupt`` comes through a descriptor.

    The end of the stream is ignored: a lost connection does not end the work. A child process reads
    the stream, because with a thread, this process could not fork safely. A process with several
    threads is not interrupted this way.
    """
    if not is_single_threaded():
        return
    parent = os.getpid()
    alive, own_end = os.pipe()  # closed when this process has handled an interrupt, or ends
    heard: List[int] = []

    def hear(number: int, frame: object) -> None:
        if not heard:
            heard.append(number)
            os.close(own_end)
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, hear)
    if fork() == 0:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
        try:
            os.closerange(descriptor + 1, alive)
            os.closerange(alive + 1, 1024)
            _pass_on(descriptor, alive, parent)
        finally:
            os._exit(0)
    os.close(alive)


def _pass_on(descriptor: int, alive: int, parent: int) -> None:
    """Read until the stream or the parent ends, or the parent has handled an interrupt."""
    rest = b""
    while alive not in select.select([descriptor, alive], [], [])[0]:
        piece = os.read(descriptor, 4096)
        if not piece:
            return
        *lines, rest = (rest + piece).split(b"\n")
        if any(line.strip() == b"interrupt" for line in lines):
            os.kill(parent, signal.SIGINT)
            # A signal just before the parent blocks is not handled until the parent wakes up.
            if not select.select([alive], [], [], 1.0)[0]:
                os.kill(parent, signal.SIGINT)
            return
