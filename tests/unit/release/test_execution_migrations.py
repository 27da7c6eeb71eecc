"""Migrations of a release: which need a yes, which forbid older code, where they run."""

from __future__ import annotations

from typing import cast

import pytest

from django_deploykit.errors import Problems
from django_deploykit.runtime.base.documents import Document
from django_deploykit.runtime.base.errors import LIVE
from django_deploykit.runtime.deploy.plan import Choices
from tests.unit.release.fakes import NEW, OLD, FakeTransport, Host
from tests.unit.release.fleets import PENDING, Policy, fleet_of, plan_of, release

BREAKING = {
    "migrations": [
        {
            "database": "default",
            "place": "postgresql://db/shop",
            "pending": [
                {
                    "app": "shop",
                    "name": "0003_drop",
                    "operations": [
                        {"describe": "Remove field note", "breaks": True, "why": "it is asked for"}
                    ],
                }
            ],
        }
    ]
}

NEWER = {
    "migrations": [
        {"database": "default", "unknown": ["shop.0003_drop"], "back": {"shop": "0002_note"}}
    ]
}

SICK = {"id": "deploykit.E814", "level": "ERROR", "message": "GET /up answered 500"}


def test_older_code_is_refused_where_a_migration_broke_it_and_told_the_way_back() -> None:
    host = Host(report=NEWER, kin={"same": False, "breaks": {"shop.0003_drop": True}})
    host.reports = [NEWER, {"migrations": []}]  # the live release knows it
    with pytest.raises(Problems) as caught:
        release(fleet_of(host))
    assert host.live == OLD
    assert "nothing was switched" in caught.value.message
    assert "production exec -- migrate --database default shop 0002_note" in caught.value.message


@pytest.mark.parametrize(
    "kin",
    [
        {"same": True},
        {"same": False, "breaks": {"shop.0003_drop": False}},
        {"same": False},  # and the live release does not know it either: it was there before
    ],
)
def test_older_code_goes_live_where_nothing_that_was_migrated_breaks_it(
    kin: Document,
) -> None:
    host = Host(report=NEWER, kin=kin)
    assert release(fleet_of(host)).code == LIVE
    assert host.live == NEW


def test_a_first_release_on_a_database_that_others_changed_is_not_compared() -> None:
    host = Host(live=None, report=NEWER)
    assert release(fleet_of(host)).code == LIVE
    assert "kin" not in host.calls


def test_breaking_migrations_are_named_and_need_a_yes() -> None:
    asked: list[str] = []

    def confirm(question: str) -> bool:
        asked.append(question)
        return len(asked) > 1

    host = Host(report=BREAKING)
    for asks in (None, confirm):
        with pytest.raises(Problems) as caught:
            release(fleet_of(host, confirm=asks))
        assert "shop.0003_drop: Remove field note: it is asked for" in caught.value.message
        assert "allow_breaking_migrations" in caught.value.hint
        assert (host.live, host.migrated) == (OLD, [])
    assert len(asked) == 1
    assert release(fleet_of(host, confirm=confirm)).code == LIVE
    assert host.migrated == ["default"]


def test_a_release_that_is_sick_behind_its_migrations_is_not_switched_to() -> None:
    host = Host(report=PENDING)
    fleet = fleet_of(host)

    def fall_sick(verb: str) -> None:
        if verb == "migrate":
            host.code, host.report = 1, {"findings": [SICK]}

    cast(FakeTransport, fleet.transports["web1"]).on_call = fall_sick
    with pytest.raises(Problems) as caught:
        release(fleet)
    assert "the migrations ran, but nothing was switched" in caught.value.message
    assert "web1: deploykit.E814: GET /up answered 500" in caught.value.message
    assert (host.live, host.migrated) == (OLD, ["default"])


def test_what_both_checks_find_is_told_once() -> None:
    host = Host(report={**PENDING, "findings": [{**SICK, "level": "WARNING"}]})
    outcome = release(fleet_of(host))
    assert host.calls.count("check") == 2
    assert [one["id"] for one in outcome.findings] == ["deploykit.E814"]


def test_breaking_migrations_run_where_the_project_allows_them() -> None:
    host = Host(report=BREAKING)
    policy = Policy(allow_breaking_migrations=True)
    assert release(fleet_of(host, policy=policy)).code == LIVE
    assert host.migrated == ["default"]


def test_a_shared_database_is_migrated_once_on_the_host_that_is_named() -> None:
    hosts = [Host(name=f"web{number}", report=PENDING) for number in (1, 2, 3)]
    release(fleet_of(*hosts), Choices(migrate_on=("web2", "web3")))
    assert [host.migrated for host in hosts] == [[], ["default"], []]


def test_where_no_host_of_migrate_on_takes_part_nothing_is_migrated_nor_switched() -> None:
    host = Host(name="web2", report=PENDING)
    choices = Choices(migrate_on=("web1",))
    assert plan_of(fleet_of(host).facts("3.11"), choices).hosts("migrate") == ()
    with pytest.raises(Problems) as caught:
        release(fleet_of(host), choices)
    assert "no host of `migrate_on` is part of this release" in caught.value.message
    assert "web2: shop.0002_note on default" in caught.value.message
    assert (host.live, host.migrated) == (OLD, [])
    host.report = {}
    assert release(fleet_of(host), choices).code == LIVE
