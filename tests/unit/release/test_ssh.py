"""When a connection counts as dead; the rest is tried on real sshds in the lab."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from django_deploykit.release.archive import runtime_archive
from django_deploykit.release.inventory import parse_host
from django_deploykit.release.ssh import Ssh
from django_deploykit.release.transport import Event


class Channel:
    """Takes everything, as the kernel does for a host that hangs."""

    def __init__(self) -> None:
        self.taken = b""

    def sendall(self, data: bytes) -> None:
        self.taken += data

    def shutdown_write(self) -> None:
        pass


def heard(data: bytes) -> bool:
    """Whether sending data counts as a sign of life of the host."""
    transport, channel = Ssh(parse_host("web1"), Path("/srv/shop"), runtime_archive()), Channel()
    sending: Any = channel
    reads = threading.Event()
    reads.set()
    transport._feed(sending, io.BytesIO(data), reads)
    assert channel.taken == data
    return transport._heard > 0


def test_what_is_sent_to_keep_a_lock_is_no_sign_of_life_of_the_host() -> None:
    assert not heard(b".\n")
    assert heard(b"x" * 100_000)


def test_much_is_sent_once_the_host_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    transport = Ssh(parse_host("web1"), Path("/srv/shop"), runtime_archive())

    class Host(Channel):
        """Says that it reads, and takes what was sent until then for the result."""

        def recv_stderr(self, _: int) -> bytes:
            return b""

        def close(self) -> None:
            pass

        def makefile(self, _: str) -> Iterator[bytes]:
            time.sleep(0.05)
            before = len(self.taken)
            yield b'{"event": "ready"}\n'
            while len(self.taken) < stream.size:
                time.sleep(0.01)
            yield b'{"event": "received"}\n'
            yield b'{"result": {"before": %d, "taken": %d}}\n' % (before, len(self.taken))

    class Stream(io.BytesIO):
        size = 2 << 20

    stream = Stream(b"x" * Stream.size)
    events: list[Event] = []
    monkeypatch.setattr(transport, "_ensure_runtime", lambda: None)
    monkeypatch.setattr(transport, "_executed", lambda _: Host())
    result = transport.call("receive", stream=stream, on_event=events.append)
    assert result == {"before": 0, "taken": Stream.size}
    assert events == [{"event": "received"}]
