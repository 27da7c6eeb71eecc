"""What a check reports about migrations, and what follows from it."""

from __future__ import annotations

import pytest

from django_deploykit.runtime.base.documents import Document
from django_deploykit.runtime.deploy.migrations import (
    Database,
    blocking_databases,
    breaking_operations,
    databases_to_migrate,
    irreversible,
    pending_lines,
    read_databases,
    reverse_commands,
)
from django_deploykit.runtime.wire.reader import read
from django_deploykit.runtime.wire.reports import DeployCheckReport

OPERATIONS = [
    {"type": "AddField", "describe": "Add field note", "breaks": False, "why": ""},
    {"type": "RemoveField", "describe": "Remove field stock", "breaks": True, "why": "it is used"},
]


def report(*rows: Document) -> DeployCheckReport:
    return read(DeployCheckReport, {"migrations": list(rows)}, "report")


def row(alias: str = "default", place: str = "db", **more: object) -> Document:
    pending = [{"app": "shop", "name": "0002_note", "operations": OPERATIONS}]
    return {"database": alias, "place": place, "pending": pending, **more}


def test_reads_databases_with_their_migrations() -> None:
    (found,) = read_databases(
        report(row(unknown=["shop.0009_x"], back={"shop": "0008_y"}, pending=[]))
    )
    assert found == Database("default", "db", (), ("shop.0009_x",), {"shop": "0008_y"})
    assert read_databases(DeployCheckReport()) == ()


def test_lists_each_migration_with_its_operations() -> None:
    lines = pending_lines(read_databases(report(row())))
    assert lines == [
        "shop.0002_note on default",
        "    Add field note",
        "    Remove field stock",
    ]


def test_many_migrations_are_counted_by_app_and_those_that_break_named() -> None:
    plain = [{"type": "AddField", "describe": "Add field note", "breaks": False, "why": ""}]
    many = [{"app": "auth", "name": f"{n:04}", "operations": plain} for n in range(20)]
    last = {"app": "shop", "name": "0002_note", "operations": OPERATIONS}
    assert pending_lines(read_databases(report(row(pending=[*many, last])))) == [
        "auth: 20 migrations on default",
        "shop: 1 migration on default",
        "    shop.0002_note: Remove field stock: it is used",
    ]
    assert len(pending_lines(read_databases(report(row(pending=many))))) == 40


def test_a_first_release_counts_them_by_app() -> None:
    assert pending_lines(read_databases(report(row())), first=True) == [
        "shop: 1 migration on default",
        "    shop.0002_note: Remove field stock: it is used",
    ]


def test_names_what_breaks_once() -> None:
    rows = read_databases(report(row(), row(alias="other", place="elsewhere")))
    assert breaking_operations(rows) == ["shop.0002_note: Remove field stock: it is used"]


def aliases(databases: dict[str, tuple[Database, ...]], order: list[str]) -> dict[str, list[str]]:
    work = databases_to_migrate(databases, order)
    return {host: [row.alias for row in rows] for host, rows in work.items()}


def test_each_database_is_migrated_once_by_the_first_host_that_sees_it() -> None:
    shared, own = row(), row(alias="own", place="web2's")
    databases = {
        "web1": read_databases(report(shared)),
        "web2": read_databases(report(shared, own)),
        "web3": read_databases(report(shared, row(alias="still", place="x", pending=[]))),
    }
    assert aliases(databases, ["web1", "web2", "web3"]) == {"web1": ["default"], "web2": ["own"]}
    assert aliases(databases, ["web3", "web2"]) == {"web3": ["default"], "web2": ["own"]}
    assert aliases(databases, []) == {}


def test_two_aliases_of_one_database_are_migrated_once() -> None:
    databases = {"web1": read_databases(report(row(), row(alias="replica")))}
    assert aliases(databases, ["web1"]) == {"web1": ["default"]}


def unknown(*names: str, back: dict[str, str] | None = None) -> Database:
    return Database("default", "db", (), names, back or {})


def test_a_rollback_is_free_where_nothing_breaks_the_older_code() -> None:
    assert blocking_databases([unknown()], {}) == ()
    assert blocking_databases([unknown("shop.0002_note")], {"shop.0002_note": False}) == ()


@pytest.mark.parametrize("breaks", [{"shop.0002_note": True}, {}])
def test_a_migration_that_breaks_or_is_not_known_to_be_harmless_blocks(
    breaks: dict[str, bool],
) -> None:
    assert blocking_databases([unknown("shop.0002_note")], breaks)


def test_an_app_goes_back_as_a_whole_and_others_stay() -> None:
    rows = [unknown("shop.0002_a", "shop.0003_b", "blog.0002_c", back={"shop": "0001_initial"})]
    breaks = {"shop.0002_a": False, "shop.0003_b": True, "blog.0002_c": False}
    found = blocking_databases(rows, breaks)
    assert found[0].unknown == ("shop.0002_a", "shop.0003_b")
    assert reverse_commands("shop", found) == ["shop migrate --database default shop 0001_initial"]


def test_what_neither_release_knows_blocks_nothing() -> None:
    assert blocking_databases([unknown("old.0001_x")], {}, ["old.0001_x"]) == ()


def test_an_app_goes_back_to_zero_only_where_the_older_release_says_so() -> None:
    known = unknown("new.0001_initial", back={"new": "zero"})
    assert reverse_commands("shop", [known]) == ["shop migrate --database default new zero"]
    assert irreversible([known]) == []
    silent = unknown("new.0001_initial", "new.0002_more", "blog.0002_x", back={"blog": "0001_y"})
    assert reverse_commands("shop", [silent]) == ["shop migrate --database default blog 0001_y"]
    assert irreversible([silent]) == ["new.0001_initial on default", "new.0002_more on default"]
