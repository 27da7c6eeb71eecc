"""The record of when what was done where."""

from __future__ import annotations

import pytest

from django_deploykit.errors import DeployKitError
from django_deploykit.progress import DONE, FAILED, RUNS, Quiet
from django_deploykit.release.report.timeline import Timeline


class Told(Quiet):
    """Keeps what was told of hosts."""

    def __init__(self) -> None:
        self.states: list[tuple[str, str, str, str]] = []

    def at(self, host: str, step: str, state: str, detail: str = "") -> None:
        self.states.append((host, step, state, detail))


def test_records_a_step_and_tells_it() -> None:
    told = Told()
    timeline = Timeline(told)
    with timeline.span("web1", "send"):
        assert timeline.spans == []
    (span,) = timeline.spans
    assert (span.host, span.step, span.result) == ("web1", "send", DONE)
    assert span.begun <= span.ended
    assert told.states == [("web1", "send", RUNS, ""), ("web1", "send", DONE, "")]


def test_records_a_failure_with_its_first_line() -> None:
    told = Told()
    timeline = Timeline(told)
    with pytest.raises(DeployKitError), timeline.span("web1", "switch"):
        raise DeployKitError("GET / answered 500\nmore", "a hint")
    assert timeline.spans[0].result == FAILED
    assert told.states[-1] == ("web1", "switch", FAILED, "GET / answered 500")


def test_a_step_without_a_name_is_not_recorded() -> None:
    told = Told()
    timeline = Timeline(told)
    with timeline.span("web1", ""):
        pass
    assert timeline.spans == []
    assert told.states == []
