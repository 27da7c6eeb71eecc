"""Facts of a host on their way."""

from __future__ import annotations

import pytest

from django_deploykit.runtime.wire.facts import BaseLayer, Held, HostFacts, LockOwner
from django_deploykit.runtime.wire.reader import WireError, plain, read


def test_facts_travel_whole() -> None:
    made = HostFacts(
        setup=True,
        layers=frozenset({"a", "b"}),
        parts={"c": 5},
        bases=(BaseLayer("app", "a", "x"),),
        lock=LockOwner("ann", "a release", 1.5),
        processes=("web",),
    )
    assert plain(made)["layers"] == ["a", "b"]
    assert read(HostFacts, plain(made), "facts") == made


def test_a_wrong_layer_is_named_by_its_place() -> None:
    data = {"setup": True, "layers": ["a", "b", "c", 5]}
    with pytest.raises(WireError) as caught:
        read(HostFacts, data, "facts")
    assert caught.value.message == "facts.layers[3] must be a string"


def test_people_do_not_see_the_facts_that_come_with_the_lock() -> None:
    assert str(Held(HostFacts(setup=True))) == ""
