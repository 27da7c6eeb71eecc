"""Plans: what is refused, what is left out, what is said."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from django_deploykit.errors import Problems
from django_deploykit.release.facts import Facts
from django_deploykit.release.plan import KINDS, Plan, in_words, make_plan
from tests.unit.release.fakes import LAYERS, NEW, OLD, Host, new_manifest


def facts(**changes: Any) -> Facts:
    return replace(Facts.of("web1", Host().facts()), **changes)


def plan(*hosts: Facts, migrating: tuple[str, ...] = ("web1",), site: str = "") -> Plan:
    sizes = {LAYERS[0].sha256: 1536}
    return make_plan(new_manifest(), hosts, sizes, migrating, site=site, now=0.0)


def test_steps_come_in_their_order_for_all_hosts() -> None:
    steps = plan(facts(switching=True), facts(host="web2")).steps
    kinds = [step.kind for step in steps]
    assert kinds == sorted(kinds, key=KINDS.index)
    assert [step.host for step in steps if step.kind == "switch"] == ["web1", "web2"]
    assert [step.host for step in steps if step.kind == "settle"] == ["web1"]
    assert [step.host for step in steps if step.kind == "migrate"] == ["web1"]


def test_a_host_that_serves_the_release_whole_has_nothing_to_do() -> None:
    layers = frozenset(layer.sha256 for layer in LAYERS)
    done = facts(live=NEW, serving=(NEW,), layers=layers)
    assert plan(done).steps == ()
    assert plan(done, facts(host="web2")).hosts("switch") == ("web2",)


@pytest.mark.parametrize(
    "change",
    [
        {"serving": ()},
        {"switching": True},
        {"layers": frozenset()},
        {"live": OLD},
    ],
)
def test_a_host_that_is_not_whole_is_released_to(change: dict[str, Any]) -> None:
    layers = frozenset(layer.sha256 for layer in LAYERS)
    done = facts(**{"live": NEW, "serving": (NEW,), "layers": layers, **change})
    assert plan(done).hosts("switch") == ("web1",)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"setup": False}, "is not set up: run `manage.py release ENVIRONMENT --setup`"),
        ({"python": ""}, "has no Python 3."),
        ({"free": 1000}, "its disk has 0 MiB left and 64 MiB are needed"),
        ({"inodes": 1}, "its disk has 1 inodes left"),
        ({"drift": ("shop.socket",)}, "its units are not those of this version (shop.socket)"),
        ({"clock": 86400.0}, "its clock is wrong by 24 hours"),
    ],
)
def test_a_host_that_cannot_take_it_is_refused_with_the_reason(
    change: dict[str, Any], words: str
) -> None:
    with pytest.raises(Problems) as caught:
        plan(facts(**change))
    assert f"web1 {words}" in caught.value.message


def test_all_refusals_of_all_hosts_come_together() -> None:
    with pytest.raises(Problems) as caught:
        plan(facts(python="", free=0), facts(host="web2", clock=-1e6))
    assert len(caught.value.problems) == 3


def test_required_configuration_that_is_missing_is_named() -> None:
    manifest = new_manifest(required=("[django] secret_key", "[database] url"))
    with pytest.raises(Problems) as caught:
        make_plan(manifest, [facts(keys=("[database] url",))], {}, (), now=0.0)
    assert (
        "web1 lacks [django] secret_key in /etc/shop/shop.ini: fill it in there"
        in caught.value.message
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"platform": "linux-vax"}, "the bundle is for linux-vax; this machine is linux-x86_64"),
        ({"platform": "linux-x86_64", "glibc": "2.99"}, "needs glibc 2.99 or newer"),
    ],
)
def test_a_bundle_for_another_machine_is_refused(change: dict[str, str], words: str) -> None:
    with pytest.raises(Problems) as caught:
        make_plan(new_manifest(**change), [facts()], {}, (), now=0.0)
    assert words in caught.value.message


def test_a_local_site_is_prepared_where_it_differs_from_what_is_wanted() -> None:
    assert plan(facts(setup=False), site="{}").hosts("prepare") == ("web1",)
    assert plan(facts(site="{}"), site="{}").hosts("prepare") == ()


def test_bytes_are_those_of_the_layers_that_are_missing() -> None:
    (step,) = [step for step in plan(facts()).steps if step.kind == "send"]
    assert step.bytes == 1536 + LAYERS[1].size
    assert step.what == "send 2 of 2 layers"
    layers = frozenset(layer.sha256 for layer in LAYERS)
    (step,) = [step for step in plan(facts(layers=layers)).steps if step.kind == "send"]
    assert (step.bytes, step.what) == (0, "send the manifest; every layer is there")


def test_hosts_that_share_a_step_share_a_line() -> None:
    lines = in_words(plan(facts(), facts(host="web2")))
    assert "prune    web1, web2: remove releases beyond `keep`" in lines
    assert any("(1.5 KiB)" in line for line in lines)
    assert in_words(Plan(NEW, (), {})) == []


def test_a_plan_is_data_for_machines() -> None:
    data = plan(facts()).as_json()
    assert data["release"] == NEW
    assert data["live"] == {"web1": OLD}
    assert {"kind", "host", "what", "bytes"} == set(data["steps"][0])
