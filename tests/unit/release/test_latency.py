"""The probe beside a switch, on a transport that is none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, BinaryIO, TypeVar

import pytest

from django_deploykit.errors import DeployKitError
from django_deploykit.release.latency import ProbedTransport
from django_deploykit.release.report.timeline import Latency
from django_deploykit.runtime.wire.calls import Call
from django_deploykit.runtime.wire.events import Event
from django_deploykit.runtime.wire.operating import Watching, WatchResult
from django_deploykit.runtime.wire.releasing import STAGE, SWITCH, SwitchResult

T = TypeVar("T")
SEEN = WatchResult(2, 1, 0.1, 0.2, 0.2, ((10.0, 0.1, True), (10.1, 0.2, False)))
DONE = SwitchResult("x")


class Fake:
    """A host whose probe answers once its stream has ended."""

    name = "web1"

    def __init__(self, seen: WatchResult | DeployKitError, switch: Exception | None = None) -> None:
        self.seen, self.switch = seen, switch
        self.calls: list[str] = []

    def call(
        self,
        verb: Call[T],
        *arguments: str,
        stream: BinaryIO | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> Any:
        if verb.name != "watch":
            self.calls.append(verb.name)
            if self.switch:
                raise self.switch
            return DONE
        assert stream is not None
        assert on_event is not None
        if isinstance(self.seen, DeployKitError):
            raise self.seen
        on_event(Watching(10.0))
        self.calls.append("watching")
        assert stream.read() == b""  # until the switch is over
        self.calls.append("seen")
        return self.seen

    def attach(self, verb: str, *arguments: str) -> int:
        return 0

    def interrupt(self) -> None:
        self.calls.append("interrupt")

    def open(self) -> None:
        self.calls.append("open")

    def close(self) -> None:
        self.calls.append("close")


def test_watches_a_switch_from_before_it_begins_until_it_has_ended() -> None:
    found: list[Latency] = []
    host = Fake(SEEN)
    assert ProbedTransport(host, found).call(SWITCH) == DONE
    assert sorted(host.calls[:2]) == ["switch", "watching"]
    assert host.calls[2] == "seen"
    (latency,) = found
    assert (latency.host, latency.count, latency.failed) == ("web1", 2, 1)
    assert [sample.ok for sample in latency.samples] == [True, False]


def test_times_are_this_machines() -> None:
    found: list[Latency] = []
    ProbedTransport(Fake(SEEN), found).call(SWITCH)
    first, second = found[0].samples
    assert first.at > 1e9  # not the host's, which stood at 10
    assert second.at - first.at == pytest.approx(0.1, abs=1e-5)


def test_a_switch_that_fails_fails_and_its_probe_still_tells() -> None:
    found: list[Latency] = []
    with pytest.raises(DeployKitError, match="not healthy"):
        ProbedTransport(Fake(SEEN, DeployKitError("not healthy")), found).call(SWITCH)
    assert found[0].count == 2


def test_a_probe_that_fails_disturbs_nothing() -> None:
    found: list[Latency] = []
    host = Fake(DeployKitError("no such verb"))
    assert ProbedTransport(host, found).call(SWITCH) == DONE
    assert found == []


def test_nothing_live_is_nothing_seen() -> None:
    found: list[Latency] = []
    ProbedTransport(Fake(WatchResult()), found).call(SWITCH)
    assert found == []


def test_other_verbs_have_no_probe() -> None:
    host = Fake(SEEN)
    watched = ProbedTransport(host, [])
    watched.call(STAGE)
    watched.interrupt()
    watched.close()
    assert host.calls == ["stage", "interrupt", "close"]
    assert watched.name == "web1"
