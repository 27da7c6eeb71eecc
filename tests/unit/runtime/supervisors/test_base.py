"""What all supervisors have in common."""

from __future__ import annotations

import inspect

import pytest

from django_deploykit.runtime.supervisors.base import ProcessError, Running, Supervisor, has_died
from django_deploykit.runtime.supervisors.local import LocalSupervisor
from django_deploykit.runtime.supervisors.systemd import SystemdSupervisor
from tests.unit.runtime.fake_supervisor import FakeSupervisor

METHODS = [name for name in vars(Supervisor) if not name.startswith("_")]


@pytest.mark.parametrize("kind", [LocalSupervisor, SystemdSupervisor, FakeSupervisor])
@pytest.mark.parametrize("name", METHODS)
def test_a_supervisor_has_the_methods_of_the_interface(kind: type, name: str) -> None:
    wanted, found = getattr(Supervisor, name), getattr(kind, name)
    assert list(inspect.signature(found).parameters) == list(inspect.signature(wanted).parameters)


def test_an_instance_may_have_no_process() -> None:
    assert Running("r", "web", False, 2).pid == 0


def test_a_failed_process_shows_its_log() -> None:
    assert str(ProcessError("web did not start", "Traceback")) == "web did not start\nTraceback"


@pytest.mark.parametrize(
    ("before", "now", "died"),
    [
        (None, None, True),
        (None, Running("r", "web", True, 0, 7), False),
        (None, Running("r", "web", False, 0, 7), True),
        (None, Running("r", "web", True, 1, 7), True),
        (Running("r", "web", True, 3, 7), Running("r", "web", True, 3, 7), False),
        (Running("r", "web", True, 3, 7), Running("r", "web", True, 4, 8), True),
        (Running("r", "web", False, 3), Running("r", "web", True, 4, 8), False),
        (Running("r", "web", False, 3), Running("r", "web", True, 0, 8), False),
        (Running("r", "web", False, 3), Running("r", "web", True, 5, 9), True),
        (Running("other", "web", True, 0, 7), Running("r", "web", True, 1, 7), True),
    ],
)
def test_only_an_end_since_the_start_counts(
    before: Running | None, now: Running | None, died: bool
) -> None:
    assert has_died(now, [before] if before else []) is died
