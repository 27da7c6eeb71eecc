"""What a check's report says of migrations, and what a rollback makes of it."""

from __future__ import annotations

from typing import Any

import pytest

from django_deploykit.errors import Problems
from django_deploykit.release.facts import Facts
from django_deploykit.release.migrations import (
    Database,
    breaking,
    in_words,
    migrating_hosts,
    read_databases,
    reverse_commands,
    untold,
)
from django_deploykit.release.rollback import in_the_way, rollback_targets
from django_deploykit.runtime.wire.reader import read
from django_deploykit.runtime.wire.reports import DeployCheckReport
from tests.unit.release.fakes import NEW, OLD, Host

OPERATIONS = [
    {"type": "AddField", "describe": "Add field note", "breaks": False, "why": ""},
    {"type": "RemoveField", "describe": "Remove field stock", "breaks": True, "why": "it is used"},
]


def report(*rows: dict[str, Any]) -> DeployCheckReport:
    return read(DeployCheckReport, {"migrations": list(rows)}, "report")


def row(alias: str = "default", place: str = "db", **more: Any) -> dict[str, Any]:
    pending = [{"app": "shop", "name": "0002_note", "operations": OPERATIONS}]
    return {"database": alias, "place": place, "pending": pending, **more}


def test_reads_databases_with_their_migrations() -> None:
    (found,) = read_databases(
        report(row(unknown=["shop.0009_x"], back={"shop": "0008_y"}, pending=[]))
    )
    assert found == Database("default", "db", (), ("shop.0009_x",), {"shop": "0008_y"})
    assert read_databases(DeployCheckReport()) == ()


def test_lists_each_migration_with_its_operations() -> None:
    lines = in_words(read_databases(report(row())))
    assert lines == [
        "shop.0002_note on default",
        "    Add field note",
        "    Remove field stock",
    ]


def test_many_migrations_are_counted_by_app_and_those_that_break_named() -> None:
    plain = [{"type": "AddField", "describe": "Add field note", "breaks": False, "why": ""}]
    many = [{"app": "auth", "name": f"{n:04}", "operations": plain} for n in range(20)]
    last = {"app": "shop", "name": "0002_note", "operations": OPERATIONS}
    assert in_words(read_databases(report(row(pending=[*many, last])))) == [
        "auth: 20 migrations on default",
        "shop: 1 migration on default",
        "    shop.0002_note: Remove field stock: it is used",
    ]
    assert len(in_words(read_databases(report(row(pending=many))))) == 40


def test_names_what_breaks_once() -> None:
    rows = read_databases(report(row(), row(alias="other", place="elsewhere")))
    assert breaking(rows) == ["shop.0002_note: Remove field stock: it is used"]


def test_each_database_is_migrated_once_by_the_first_host_that_sees_it() -> None:
    shared, own = row(), row(alias="own", place="web2's")
    databases = {
        "web1": read_databases(report(shared)),
        "web2": read_databases(report(shared, own)),
        "web3": read_databases(report(shared, row(alias="still", place="x", pending=[]))),
    }
    assert migrating_hosts(databases) == {"web1": ("default",), "web2": ("own",)}


def test_two_aliases_of_one_database_are_migrated_once() -> None:
    databases = {"web1": read_databases(report(row(), row(alias="replica")))}
    assert migrating_hosts(databases) == {"web1": ("default",)}


def unknown(*names: str, back: dict[str, str] | None = None) -> Database:
    return Database("default", "db", (), names, back or {})


def test_a_rollback_is_free_where_nothing_breaks_the_older_code() -> None:
    assert in_the_way([unknown()], {}) == ()
    assert in_the_way([unknown("shop.0002_note")], {"shop.0002_note": False}) == ()


@pytest.mark.parametrize("judged", [{"shop.0002_note": True}, {}])
def test_a_migration_that_breaks_or_was_never_judged_is_in_the_way(judged: dict[str, bool]) -> None:
    assert in_the_way([unknown("shop.0002_note")], judged)


def test_an_app_goes_back_as_a_whole_and_others_stay() -> None:
    rows = [unknown("shop.0002_a", "shop.0003_b", "blog.0002_c", back={"shop": "0001_initial"})]
    judged = {"shop.0002_a": False, "shop.0003_b": True, "blog.0002_c": False}
    found = in_the_way(rows, judged)
    assert found[0].unknown == ("shop.0002_a", "shop.0003_b")
    assert reverse_commands("shop", found) == ["shop migrate --database default shop 0001_initial"]


def test_what_neither_release_knows_is_not_in_the_way() -> None:
    assert in_the_way([unknown("old.0001_x")], {}, ["old.0001_x"]) == ()


def test_an_app_goes_back_to_zero_only_where_the_older_release_says_so() -> None:
    told = unknown("new.0001_initial", back={"new": "zero"})
    assert reverse_commands("shop", [told]) == ["shop migrate --database default new zero"]
    assert untold([told]) == []
    silent = unknown("new.0001_initial", "new.0002_more", "blog.0002_x", back={"blog": "0001_y"})
    assert reverse_commands("shop", [silent]) == ["shop migrate --database default blog 0001_y"]
    assert untold([silent]) == ["new.0001_initial on default", "new.0002_more on default"]


def facts(name: str = "web1", **host: Any) -> Facts:
    return Facts.of(name, Host(**{"live": NEW, "staged": {OLD, NEW}, **host}).facts())


def test_goes_back_to_the_last_good_one_of_each_host_or_to_one_that_is_named() -> None:
    assert rollback_targets([facts(), facts("web2")]) == {"web1": OLD, "web2": OLD}
    assert rollback_targets([facts()], OLD) == {"web1": OLD}


def test_hosts_that_are_back_already_are_left_out() -> None:
    assert rollback_targets([facts(live=OLD), facts("web2")], OLD) == {"web2": OLD}


@pytest.mark.parametrize(
    ("host", "release", "words"),
    [
        ({"live": None}, "", "nothing is live there"),
        ({"live": OLD, "staged": {OLD}}, "", "there is no earlier good release"),
        ({}, "20250101T000000-ccccccc", "20250101T000000-ccccccc is not there; staged:"),
        ({"live": OLD}, OLD, "is live already"),
    ],
)
def test_a_host_that_cannot_go_back_is_named(
    host: dict[str, Any], release: str, words: str
) -> None:
    with pytest.raises(Problems) as caught:
        rollback_targets([facts(**host)], release)
    assert words in caught.value.message
