"""Every verb that answers has one call."""

from __future__ import annotations

from django_deploykit.runtime.wire import facts, operating, releasing, reports
from django_deploykit.runtime.wire.calls import Call


def test_names_are_used_once() -> None:
    modules = (facts, operating, releasing, reports)
    calls = [one for module in modules for one in vars(module).values() if isinstance(one, Call)]
    assert len({one.name for one in calls}) == len(calls) > 15
