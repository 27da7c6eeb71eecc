"""When a connection counts as dead; the rest is tried on real sshds in the lab."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from django_deploykit.project.inventory import parse_host
from django_deploykit.release.runtime_archive import runtime_archive
from django_deploykit.release.transports.ssh import Ssh


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
    transport._feed(sending, io.BytesIO(data))
    assert channel.taken == data
    return transport._heard > 0


def test_what_is_sent_to_keep_a_lock_is_no_sign_of_life_of_the_host() -> None:
    assert not heard(b".\n")
    assert heard(b"x" * 100_000)
