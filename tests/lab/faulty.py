"""``manage.py`` with a fault: the real controller, which halts where a test wants to strike.

``FAULT_AT`` names the moment: ``before:VERB``, ``during:VERB`` (the host has begun it),
``event:VERB:EVENT`` (the host told it) or ``after:VERB``, on the host ``FAULT_ON`` where one is
named. There it connects to the socket ``FAULT_SOCKET`` and waits for an answer. ``FAULT_FLIP`` is
the number of the byte of what is sent that arrives changed. ``FAULT_PATIENCE`` is the number of
seconds, instead of the real ones, after which a silent host or controller counts as gone.
"""

from __future__ import annotations

import os
import runpy
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any

from django_deploykit.release import host_locks, runtime_archive
from django_deploykit.release.transports import channels, login, ssh
from django_deploykit.runtime.base import patience
from django_deploykit.runtime.sources import sources
from django_deploykit.runtime.wire.calls import Call

AT, ON = os.environ.get("FAULT_AT", ""), os.environ.get("FAULT_ON", "")
FLIP = int(os.environ.get("FAULT_FLIP", "-1"))
PATIENCE = float(os.environ.get("FAULT_PATIENCE", "0"))
_once = threading.Lock()


def halt(host: str, moment: str) -> None:
    """Wait for the test where this is its moment, the first time."""
    if moment == AT and host.endswith(ON) and _once.acquire(blocking=False):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(os.environ["FAULT_SOCKET"])
            connection.recv(1)


class Flipped:
    """A stream that changes one byte on its way."""

    def __init__(self, stream: Any) -> None:
        self.stream, self.at = stream, 0

    def read(self, size: int) -> bytes:
        """Return what the stream holds, but for that byte."""
        piece = bytearray(self.stream.read(size))
        if self.at <= FLIP < self.at + len(piece) and _once.acquire(blocking=False):
            piece[FLIP - self.at] ^= 0x55
        self.at += len(piece)
        return bytes(piece)


def strike() -> None:
    """Put the fault into the transport."""
    answer, outcome = ssh.Ssh.call, channels.RunningVerbs._answer

    def called(
        self: ssh.Ssh,
        verb: Call[Any],
        *arguments: str,
        stream: Any = None,
        on_event: Callable[[Any], None] | None = None,
    ) -> Any:
        def told(event: Any) -> None:
            halt(self.name, f"event:{verb.name}:{getattr(event, 'what', event.name)}")
            if on_event is not None:
                on_event(event)

        halt(self.name, f"before:{verb.name}")
        if verb.name == "receive" and FLIP >= 0:
            stream = Flipped(stream)
        result = answer(self, verb, *arguments, stream=stream, on_event=told)
        halt(self.name, f"after:{verb.name}")
        return result

    def begun(self: channels.RunningVerbs, channel: Any, *arguments: Any) -> Any:
        halt(self.name, f"during:{self._verbs[channel]}")
        return outcome(self, channel, *arguments)

    ssh.Ssh.call = called  # type: ignore[method-assign]
    channels.RunningVerbs._answer = begun  # type: ignore[method-assign, assignment]


def hurry() -> None:
    """Lose patience sooner, here and in the runtime that is sent."""
    login._PULSE, login._SILENCE, login._BANNER = PATIENCE / 6, PATIENCE, PATIENCE
    host_locks._HEARTBEAT = PATIENCE / 3
    own, line = sources, f"\nSILENCE = {patience.SILENCE}"

    def files() -> dict[str, bytes]:
        found = own()
        text = found["base/patience.py"].decode()
        assert line in text
        return {
            **found,
            "base/patience.py": text.replace(line, f"\nSILENCE = {PATIENCE * 2}").encode(),
        }

    runtime_archive.sources = files  # type: ignore[attr-defined]


if __name__ == "__main__":
    strike()
    if PATIENCE:
        hurry()
    sys.argv = ["manage.py", *sys.argv[1:]]
    sys.path.insert(0, os.getcwd())
    runpy.run_path("manage.py", run_name="__main__")
