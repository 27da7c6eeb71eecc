"""Bringing a bundle to a host."""

from __future__ import annotations

from typing import cast

import pytest

from django_deploykit.errors import DeployKitError
from django_deploykit.release.delivery import Delivery
from django_deploykit.release.upload import Sender
from tests.unit.release.fakes import LAYERS, NEW, FakeSender, FakeTransport, Host
from tests.unit.release.fleets import Notes


def delivery_to(host: Host, notes: Notes | None = None) -> Delivery:
    sender = cast(Sender, FakeSender())
    return Delivery(NEW, sender, notes or Notes(), {host.name: host.facts()}, {})


def test_what_is_missing_is_sent_and_then_staged() -> None:
    host = Host()
    delivery = delivery_to(host)
    delivery.send(FakeTransport(host))
    delivery.stage(FakeTransport(host))
    assert host.calls == ["receive", "stage"]
    assert delivery.bytes == {"web1": 200}
    assert NEW in host.staged


def test_damaged_layers_are_sent_again_a_few_times() -> None:
    notes, host = Notes(), Host(damaged=[LAYERS[1].sha256])
    delivery = delivery_to(host, notes)
    delivery.send(FakeTransport(host))
    delivery.stage(FakeTransport(host))
    assert delivery.bytes == {"web1": 300}
    assert notes.lines == ["web1: 1 damaged or missing layers are sent again"]
    host.damaged = [LAYERS[1].sha256] * 3
    with pytest.raises(DeployKitError, match="still damaged after 3 attempts"):
        delivery.stage(FakeTransport(host))
