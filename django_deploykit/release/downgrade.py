"""Releasing older code on a newer database: the migrations in its way, and how to take them back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django_deploykit.errors import Problems
from django_deploykit.release.migrations import Database, read_databases, reverse_commands, untold
from django_deploykit.release.rollback import in_the_way
from django_deploykit.release.transports.base import Transport
from django_deploykit.runtime.wire.reports import CHECK, KIN


def blocking(
    transport: Transport, target: str, rows: Sequence[Database] | None = None
) -> tuple[Database, ...]:
    """Return the databases with migrations that break ``target``, which is staged beside a live release.

    ``rows`` is what the target's check says of the databases, where it was made already.
    """
    if rows is not None and not any(row.unknown for row in rows):
        return ()
    kin = transport.call(KIN, "--release", target)
    if kin.same:
        return ()
    if rows is None:
        rows = _checked(transport, target)
    rows = in_the_way(rows, kin.breaks)
    if not rows:
        return ()
    ours = _checked(transport, kin.live)
    return in_the_way(rows, kin.breaks, [name for row in ours for name in row.unknown])


def _checked(transport: Transport, release: str) -> tuple[Database, ...]:
    return read_databases(transport.call(CHECK, "--release", release).report)


def refuse(
    found: Mapping[str, Sequence[Database]], environment: str, many: bool, title: str, again: str
) -> None:
    """Raise with the commands that take back what is in the way, by host, where anything is.

    ``many`` says that the environment has other hosts too; ``title`` says what was left undone.
    """
    _refuse_untold(found, title, again)
    commands = []
    for host, rows in found.items():
        # The commands are run with the code that is live: it alone knows how to go back.
        where = f"--hosts {host} " if many else ""
        command = f"./manage.py release {environment} {where}--exec --"
        commands += reverse_commands(command, rows)
    if commands:
        raise Problems(
            f"{title}: migrations were applied that break the older release. Take them back first:",
            list(dict.fromkeys(commands)),
            f"Then {again}. Data in columns that go away is lost: make a backup.",
        )


def _refuse_untold(found: Mapping[str, Sequence[Database]], title: str, again: str) -> None:
    """Raise where nobody can say how to take migrations back."""
    names = [f"{host}: {name}" for host, rows in found.items() for name in untold(rows)]
    if names:
        raise Problems(
            f"{title}: migrations were applied that may break the older release, and it does not "
            "say where their apps end in it:",
            names,
            "Look which migrations the older release has, take the others back with "
            f"`--exec -- migrate APP NAME`, then {again}.",
        )
