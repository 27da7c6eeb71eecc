"""What a person sees of an event."""

from __future__ import annotations

import pytest

from django_deploykit.runtime.wire.events import Activity, Arriving, Event, HostWarning, OutputLine


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (Activity("start", "web, worker"), "start web, worker"),
        (Activity("check"), "check"),
        (OutputLine("Applying shop.0001"), "  Applying shop.0001"),
        (HostWarning("the disk is full"), "warning: the disk is full"),
        (Arriving(100, "abc"), ""),
    ],
)
def test_text_for_people(event: Event, text: str) -> None:
    assert str(event) == text
