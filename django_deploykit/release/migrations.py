"""What a release's check says of migrations, and whether they may run (pure)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from django_deploykit.runtime.wire.reports import DeployCheckReport, ReportedMigration


@dataclass(frozen=True)
class Pending:
    """A migration that waits: what breaks running code in it, in words."""

    app: str
    name: str
    operations: tuple[str, ...]
    breaking: tuple[str, ...]


@dataclass(frozen=True)
class Database:
    """A database as one host's check saw it; ``place`` is the same where two hosts share it."""

    alias: str
    place: str
    pending: tuple[Pending, ...]
    unknown: tuple[str, ...]  # applied, but not in this release: "shop.0003_price"
    back: Mapping[str, str] = field(default_factory=dict)  # by app: where it ends in this release


def read_databases(report: DeployCheckReport) -> tuple[Database, ...]:
    """Return the databases of a ``deploy_check --migrations`` report."""
    return tuple(
        Database(
            row.database,
            row.place or row.database,
            tuple(_pending(one) for one in row.pending),
            row.unknown,
            row.back,
        )
        for row in report.migrations
    )


def _pending(row: ReportedMigration) -> Pending:
    shown = tuple(one.describe for one in row.operations)
    breaking = tuple(
        f"{one.describe}: {one.why or 'running code breaks'}"
        for one in row.operations
        if one.breaks
    )
    return Pending(row.app, row.name, shown, breaking)


def migrating_hosts(databases: Mapping[str, Sequence[Database]]) -> dict[str, tuple[str, ...]]:
    """Return which host migrates which aliases, so that each database is migrated once.

    ``databases`` is by host, in the order in which hosts are asked.
    """
    seen: set[str] = set()
    result: dict[str, tuple[str, ...]] = {}
    for host, rows in databases.items():
        for row in rows:
            if row.pending and row.place not in seen:
                seen.add(row.place)
                result[host] = (*result.get(host, ()), row.alias)
    return result


_MOST = 20  # migrations of a database that are told one by one


def in_words(rows: Iterable[Database]) -> list[str]:
    """Return the migrations that will run, line by line; a line an app where they are many.

    They are many at a first release, where there is no table yet that anybody uses.
    """
    lines = []
    for row in rows:
        if len(row.pending) > _MOST:
            apps = Counter(one.app for one in row.pending)
            lines += [f"{app}: {_counted(count)} on {row.alias}" for app, count in apps.items()]
            lines += [
                f"    {one.app}.{one.name}: {text}" for one in row.pending for text in one.breaking
            ]
            continue
        for one in row.pending:
            lines.append(f"{one.app}.{one.name} on {row.alias}")
            lines += [f"    {operation}" for operation in one.operations]
    return lines


def _counted(count: int) -> str:
    return "1 migration" if count == 1 else f"{count} migrations"


def breaking(rows: Iterable[Database]) -> list[str]:
    """Return the operations that break the code that runs now."""
    return list(
        dict.fromkeys(
            f"{one.app}.{one.name}: {text}"
            for row in rows
            for one in row.pending
            for text in one.breaking
        )
    )


def reverse_commands(command: str, rows: Iterable[Database]) -> list[str]:
    """Return the commands that take back what an older release does not know, app by app.

    ``command`` runs Django commands with the newer code, which alone knows how to go back. Apps
    are left out of which the older release's report does not say where they end: :func:`untold`.
    """
    return [
        f"{command} migrate --database {row.alias} {app} {row.back[app]}"
        for row in rows
        for app in _apps(row)
        if app in row.back
    ]


def untold(rows: Iterable[Database]) -> list[str]:
    """Return the migrations that nobody can say how to take back.

    Where an app ends is never guessed: to unapply all of it would delete its tables.
    """
    return [
        f"{name} on {row.alias}"
        for row in rows
        for name in row.unknown
        if name.partition(".")[0] not in row.back
    ]


def _apps(row: Database) -> list[str]:
    return list(dict.fromkeys(name.partition(".")[0] for name in row.unknown))
