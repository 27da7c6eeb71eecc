"""Plans: their steps and order, what is left out, what is refused, how they read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from django_deploykit.errors import Problems
from django_deploykit.runtime.deploy.plan import (
    Choices,
    Plan,
    Step,
    lock_plan,
    release_plan,
    rollback_plan,
    setup_plan,
    walk,
)
from django_deploykit.runtime.deploy.readiness import Expected
from django_deploykit.runtime.wire.facts import HostFacts
from tests.unit.release.fakes import LAYERS, NEW, OLD, Host, new_manifest
from tests.unit.release.fleets import HOOKS, PLAIN

ALL = frozenset(layer.sha256 for layer in LAYERS)
SETUP = "manage.py release production setup"


def facts(host: str = "web1", **changes: Any) -> dict[str, HostFacts]:
    return {host: replace(Host().facts(), **changes)}


def plan(
    *hosts: dict[str, HostFacts], choices: Choices = PLAIN, manifest: Any = None, setup: str = SETUP
) -> Plan:
    found = {host: one for part in hosts for host, one in part.items()}
    expected = {host: Expected(setup, 0.0) for host in found}
    return release_plan(manifest or new_manifest(), found, choices, expected)


def kinds(plan: Plan) -> list[str]:
    return [step.kind for step in plan.steps]


def test_everything_that_happens_is_a_step() -> None:
    steps = plan(
        facts(switching=True), facts("web2"), choices=Choices(hooks=HOOKS, site="{}"), setup=""
    )
    assert kinds(steps) == [
        "prepare",
        "lock",
        "settle",
        "send",
        "stage",
        "check",
        "compatibility",
        "before_migrate",
        "migrate",
        "after_migrate",
        "recheck",
        "before_switch",
        "switch",
        "switch",
        "after_switch",
        "prune",
    ]
    assert steps.hosts("settle") == ("web1",)
    assert steps.hosts("check") == ("web1", "web2")


def test_hooks_without_commands_and_steps_without_hosts_are_left_out() -> None:
    assert kinds(plan(facts())) == [
        *("lock", "send", "stage", "check", "compatibility", "migrate", "recheck", "switch"),
        "prune",
    ]
    assert "recheck" not in kinds(plan(facts(live=None)))


def test_a_host_that_serves_the_release_whole_has_nothing_to_do() -> None:
    done = facts(live=NEW, serving=(NEW,), layers=ALL)
    assert plan(done).steps == ()
    both = plan(done, facts("web2"))
    assert both.hosts("switch") == ("web2",)
    assert both.hosts("lock") == ("web1", "web2")


@pytest.mark.parametrize(
    "change", [{"serving": ()}, {"switching": True}, {"layers": frozenset()}, {"live": OLD}]
)
def test_a_host_that_does_not_serve_it_whole_is_released_to(change: dict[str, Any]) -> None:
    done = facts(**{"live": NEW, "serving": (NEW,), "layers": ALL, **change})
    assert plan(done).hosts("switch") == ("web1",)


@pytest.mark.parametrize(
    ("migrate_on", "host"), [((), "web1"), (("web2",), "web2"), (("web3",), "web1")]
)
def test_one_host_uploads_static_files_to_a_storage_that_is_no_folder(
    migrate_on: tuple[str, ...], host: str
) -> None:
    remote = replace(new_manifest(), static_storage="shop.storage.Bucket")
    choices = Choices(hooks=HOOKS, migrate_on=migrate_on)
    steps = plan(facts(), facts("web2"), choices=choices, manifest=remote)
    assert steps.hosts("upload") == (host,)
    order = kinds(steps)
    assert order[order.index("upload") - 1 :][:3] == ["stage", "upload", "check"]
    assert f"{host}: upload static files to shop.storage.Bucket" in "\n".join(steps.lines())
    assert "upload" not in kinds(plan(facts(), facts("web2"), choices=choices))


def test_each_batch_is_a_step() -> None:
    batches = (("web1", "web2"), ("web3",))
    hosts = [facts(f"web{number}") for number in (1, 2, 3)]
    steps = plan(*hosts, choices=Choices(batches=batches)).steps
    assert [step.hosts for step in steps if step.kind == "switch"] == list(batches)


@pytest.mark.parametrize(
    ("migrate_on", "order"),
    [
        ((), ("web1", "web2")),
        (("web2",), ("web2",)),
        (("web2", "web1"), ("web2", "web1")),
        (("web3",), ()),
    ],
)
def test_hosts_migrate_in_the_order_of_migrate_on(
    migrate_on: tuple[str, ...], order: tuple[str, ...]
) -> None:
    choices = Choices(migrate_on=migrate_on, hooks=HOOKS)
    found = plan(facts(), facts("web2"), choices=choices)
    assert found.hosts("migrate") == order
    for kind in ("before_migrate", "migrate", "after_migrate", "recheck"):
        assert (kind in kinds(found)) == bool(order)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"setup": False}, f" is not set up: run `{SETUP}` once"),
        ({"python": ""}, " has no Python 3."),
        ({"free": 1000}, ": its disk has 0 MiB left and 64 MiB are needed"),
        ({"inodes": 1}, ": its disk has 1 inodes left"),
        (
            {"drift": ("shop.socket",)},
            ": its units differ from those of this version (shop.socket)",
        ),
        ({"clock": 86400.0}, ": its clock is wrong by 24 hours"),
    ],
)
def test_a_host_that_cannot_take_it_is_refused_with_the_reason(
    change: dict[str, Any], words: str
) -> None:
    with pytest.raises(Problems) as caught:
        plan(facts(**change))
    assert f"web1{words}" in caught.value.message


def test_all_refusals_of_all_hosts_come_together() -> None:
    with pytest.raises(Problems) as caught:
        plan(facts(python="", free=0), facts("web2", clock=-1e6))
    assert len(caught.value.problems) == 3


def test_required_configuration_that_is_missing_is_named() -> None:
    manifest = new_manifest(required=("[django] secret_key", "[database] url"))
    with pytest.raises(Problems) as caught:
        plan(facts(keys=("[database] url",)), manifest=manifest)
    assert (
        "web1 lacks [django] secret_key in /etc/shop/shop.ini: set it there" in caught.value.message
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
        plan(facts(), manifest=new_manifest(**change))
    assert words in caught.value.message


def test_a_local_site_is_prepared_where_it_differs_from_what_is_expected() -> None:
    choices = Choices(site="{}")
    assert plan(facts(setup=False), choices=choices, setup="").hosts("prepare") == ("web1",)
    assert plan(facts(site="{}"), choices=choices, setup="").hosts("prepare") == ()


def test_bytes_are_those_of_the_layers_that_are_missing() -> None:
    sizes = Choices(sizes={LAYERS[0].sha256: 1536})
    (step,) = [step for step in plan(facts(), choices=sizes).steps if step.kind == "send"]
    assert step.bytes == {"web1": 1536 + LAYERS[1].size}
    assert step.details == {"web1": ("2 of 2 layers",)}
    (step,) = [step for step in plan(facts(layers=ALL)).steps if step.kind == "send"]
    assert (step.bytes, step.details) == ({"web1": 0}, {"web1": ("0 of 2 layers",)})


def test_hosts_that_share_details_share_a_line() -> None:
    sizes = Choices(sizes={LAYERS[0].sha256: 1536 - LAYERS[1].size})
    lines = plan(facts(), facts("web2"), facts("web3", layers=ALL), choices=sizes).lines()
    assert "prune          web1, web2, web3: remove releases beyond `keep`" in lines
    assert (
        "send           web1, web2: send the manifest and missing layers (2 of 2 layers, 1.5 KiB)"
        in lines
    )
    assert "send           web3: send the manifest and missing layers (0 of 2 layers)" in lines
    assert Plan("release", NEW, (), {}).lines() == []


def test_a_hook_names_its_commands_and_this_machine() -> None:
    lines = plan(facts(), choices=Choices(hooks={"after_switch": ("./a.sh", "./b.sh")})).lines()
    assert "after_switch   this machine: run ./a.sh; ./b.sh" in lines


def test_a_plan_is_data_for_machines() -> None:
    data = plan(facts()).as_json()
    assert (data["action"], data["release"], data["live"]) == ("release", NEW, {"web1": OLD})
    steps = data["steps"]
    assert isinstance(steps, list)
    assert steps[-2] == {
        "kind": "switch",
        "hosts": ["web1"],
        "what": f"start {NEW}, verify it, let it take over",
        "details": {"web1": [f"{OLD} is live"]},
        "bytes": {},
        "release": NEW,
    }


def test_a_rollback_switches_each_host_to_its_own_release() -> None:
    found = {**facts(live=NEW), **facts("web2", live=NEW, switching=True)}
    targets = {"web1": OLD, "web2": "20261031T000000-ccccccc"}
    both = rollback_plan(targets, found, Choices(batches=(("web1", "web2"),), hooks=HOOKS))
    assert kinds(both) == [
        *("lock", "settle", "compatibility", "before_switch", "switch", "switch", "after_switch"),
    ]
    assert {host: both.target(host) for host in targets} == targets
    assert both.hosts("compatibility") == ("web1", "web2")


def test_a_setup_lists_the_changes_of_each_host() -> None:
    found = setup_plan({"web1": ["create the account", "write /etc/x", "start y"], "web2": []})
    assert found.lines() == [
        "setup          web1: make ready for releases, as root",
        "  create the account",
        "  write /etc/x",
        "  start y",
        "login          web1, web2: log in as the deploy user",
    ]
    assert setup_plan({"web1": []}).steps == ()


def test_a_plan_is_split_behind_a_kind() -> None:
    whole = plan(facts())
    before, after = whole.split("lock")
    assert [step.kind for step in before] == ["lock"]
    assert (*before, *after) == whole.steps
    assert lock_plan("rollback", ["web1"]).steps == before
    assert whole.split("settle") == ((), whole.steps)


def test_a_walk_executes_steps_in_order_until_it_must_not_go_on() -> None:
    steps = tuple(Step(kind, (), "") for kind in ("a", "b", "a", "b"))
    seen: list[Step] = []
    handlers = {"a": seen.append, "b": seen.append}
    assert walk(steps, handlers) == ()
    assert seen == list(steps)
    seen.clear()
    assert walk(steps, handlers, lambda left: len(left) > 1) == steps[3:]
    assert seen == list(steps[:3])
