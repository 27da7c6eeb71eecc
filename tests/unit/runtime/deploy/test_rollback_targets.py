"""Where a rollback goes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from django_deploykit.errors import Problems
from django_deploykit.runtime.deploy.rollback_targets import rollback_targets
from django_deploykit.runtime.wire.facts import HostFacts
from tests.unit.release.fakes import NEW, OLD, Host


def facts(name: str = "web1", **host: Any) -> dict[str, HostFacts]:
    return {name: Host(**{"live": NEW, "staged": {OLD, NEW}, **host}).facts()}


def test_goes_back_to_the_last_good_release_of_each_host_or_to_the_one_named() -> None:
    assert rollback_targets({**facts(), **facts("web2")}) == {"web1": OLD, "web2": OLD}
    assert rollback_targets(facts(), OLD) == {"web1": OLD}


def test_hosts_where_the_release_is_live_already_are_left_out() -> None:
    assert rollback_targets({**facts(live=OLD), **facts("web2")}, OLD) == {"web2": OLD}
    assert rollback_targets(facts(live=OLD), OLD) == {}


def test_a_release_that_is_live_but_does_not_run_is_started() -> None:
    stopped = replace(facts(live=OLD)["web1"], serving=())
    assert rollback_targets({"web1": stopped}, OLD) == {"web1": OLD}
    assert rollback_targets(facts(live=OLD, switching=True), OLD) == {"web1": OLD}


@pytest.mark.parametrize(
    ("host", "release", "words"),
    [
        ({"live": None}, "", "nothing is live there"),
        ({"live": OLD, "staged": {OLD}}, "", "there is no earlier good release"),
        ({}, "20250101T000000-ccccccc", "20250101T000000-ccccccc is not there; staged:"),
    ],
)
def test_a_host_that_cannot_go_back_is_named(
    host: dict[str, Any], release: str, words: str
) -> None:
    with pytest.raises(Problems) as caught:
        rollback_targets(facts(**host), release)
    assert words in caught.value.message


def test_a_release_that_can_be_named_is_offered() -> None:
    with pytest.raises(Problems) as caught:
        rollback_targets({"web1": replace(facts(live=OLD)["web1"], staged=(OLD, "other"))})
    assert "rollback ID" in caught.value.hint
    with pytest.raises(Problems) as caught:
        rollback_targets({"web1": replace(facts(live=OLD)["web1"], staged=(OLD,))})
    assert caught.value.hint == ""
