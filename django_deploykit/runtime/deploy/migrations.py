"""Reads what a release's check reports about migrations, and decides what to do (pure)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from shlex import quote
from typing import Dict, Iterable, List, Mapping, Sequence, Set, Tuple

from ..wire.reports import DeployCheckReport, ReportedMigration

_MOST = 20  # the most pending migrations of a database that are listed one by one


@dataclass(frozen=True)
class PendingMigration:
    """A pending migration; ``breaking`` says which operations break running code, and why."""

    app: str
    name: str
    operations: Tuple[str, ...]
    breaking: Tuple[str, ...]


@dataclass(frozen=True)
class Database:
    """A database as seen by one host's check; ``place`` is equal for hosts that share a database.

    ``unknown`` are applied migrations that are not in the release, such as ``shop.0003_price``.
    ``back`` maps each of their apps to the last migration that the release has.
    """

    alias: str
    place: str
    pending: Tuple[PendingMigration, ...]
    unknown: Tuple[str, ...]
    back: Mapping[str, str] = field(default_factory=dict)


def read_databases(report: DeployCheckReport) -> Tuple[Database, ...]:
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


def _pending(row: ReportedMigration) -> PendingMigration:
    shown = tuple(one.describe for one in row.operations)
    breaking = tuple(
        f"{one.describe}: {one.why or 'running code breaks'}"
        for one in row.operations
        if one.breaks
    )
    return PendingMigration(row.app, row.name, shown, breaking)


def databases_to_migrate(
    databases: Mapping[str, Sequence[Database]], order: Sequence[str]
) -> Dict[str, Tuple[Database, ...]]:
    """Return the databases that each host migrates. Each database is migrated once.

    ``order`` names the hosts that may migrate. The first one that sees a database migrates it.
    """
    seen: Set[str] = set()
    result: Dict[str, Tuple[Database, ...]] = {}
    for host in order:
        for row in databases[host]:
            if row.pending and row.place not in seen:
                seen.add(row.place)
                result[host] = (*result.get(host, ()), row)
    return result


def pending_lines(rows: Iterable[Database], first: bool = False) -> List[str]:
    """Return a line for each pending migration, or for each app if there are many.

    In a ``first`` release, no table is in use yet, so a line for each app is enough.
    """
    lines = []
    for row in rows:
        if first or len(row.pending) > _MOST:
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


def breaking_operations(rows: Iterable[Database]) -> List[str]:
    """Return the operations that break the running code, without duplicates."""
    found = {
        f"{one.app}.{one.name}: {text}": None
        for row in rows
        for one in row.pending
        for text in one.breaking
    }
    return list(found)


def blocking_databases(
    rows: Sequence[Database], breaks: Mapping[str, bool], known: Sequence[str] = ()
) -> Tuple[Database, ...]:
    """Return the databases with applied migrations that break the release, reduced to those apps.

    ``breaks`` says whether a migration breaks older code, as reported by the release that ran it. A
    migration that is missing from it counts as breaking. ``known`` are migrations that the live
    release does not have either. An app is migrated back as a whole, so its harmless migrations are
    listed too.
    """
    found = []
    for row in rows:
        unknown = [name for name in row.unknown if name not in known]
        bad = {app_of(name) for name in unknown if breaks.get(name, True)}
        listed = tuple(name for name in unknown if app_of(name) in bad)
        if listed:
            found.append(replace(row, unknown=listed))
    return tuple(found)


def app_of(name: str) -> str:
    """Return the app of a migration.

    >>> app_of("shop.0003_price")
    'shop'
    """
    return name.partition(".")[0]


def reverse_commands(command: str, rows: Iterable[Database]) -> List[str]:
    """Return the commands that migrate each app back to the older release's last migration.

    ``command`` runs Django commands with the newer code: only the newer code can reverse its
    migrations. The names come from the host. The apps of :func:`irreversible` are left out.
    """
    return [
        f"{command} migrate --database {quote(row.alias)} {quote(app)} {quote(row.back[app])}"
        for row in rows
        for app in dict.fromkeys(map(app_of, row.unknown))
        if app in row.back
    ]


def irreversible(rows: Iterable[Database]) -> List[str]:
    """Return the migrations of apps for which the older release reports no last migration.

    It is never guessed: unapplying all migrations of an app would delete its tables.
    """
    return [
        f"{name} on {row.alias}"
        for row in rows
        for name in row.unknown
        if app_of(name) not in row.back
    ]
