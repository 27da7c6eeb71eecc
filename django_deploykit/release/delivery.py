"""Sends a bundle's missing layers to hosts, then builds the release on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from django_deploykit.errors import DeployKitError
from django_deploykit.progress import Progress
from django_deploykit.release.transports.base import Transport
from django_deploykit.release.upload import Sender, Transfer
from django_deploykit.runtime.wire.facts import HostFacts
from django_deploykit.runtime.wire.releasing import STAGE

_ATTEMPTS = 3  # at staging, if layers arrive damaged or are damaged in the host's store


@dataclass
class Delivery:
    """One bundle on its way to hosts; ``bytes`` has the bytes sent to each host."""

    release: str
    sender: Sender
    progress: Progress
    facts: Mapping[str, HostFacts]
    bytes: dict[str, int]
    _sent: dict[str, Transfer] = field(default_factory=dict)

    def send(self, transport: Transport) -> None:
        """Send layers until all have arrived. The host may still be unpacking them afterwards."""
        host, facts = transport.name, self.facts[transport.name]
        total = self.sender.total(facts)
        show = lambda done: self.progress.advance(done, total, host)  # noqa: E731
        transfer = Transfer(
            lambda arrived: self.sender.send(transport, facts, show, arrived=arrived)
        )
        self._sent[host] = transfer
        transfer.arrive()

    def stage(self, transport: Transport) -> None:
        """Build the release from its layers. Damaged layers are sent again."""
        host = transport.name
        transfer = self._sent.pop(host, None)
        self.bytes[host] = self.bytes.get(host, 0) + (transfer.end() if transfer else 0)
        for _ in range(_ATTEMPTS):
            again = transport.call(STAGE, "--release", self.release).again
            if not again:
                return
            self.progress.note(f"{host}: {len(again)} damaged or missing layers are sent again")
            self.bytes[host] += self.sender.send(transport, self.facts[host], lambda _: None, again)
        raise DeployKitError(
            f"layers are still damaged after {_ATTEMPTS} attempts", "Check that host's disk."
        )
