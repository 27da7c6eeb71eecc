"""Checks of the host's database servers, and of where SQLite has its files."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from django_deploykit.checks.catalogue import check
from django_deploykit.checks.finding import Finding
from django_deploykit.checks.server.services import unreachable
from django_deploykit.checks.subject import Subject

_NETWORK = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "fuse.glusterfs", "ceph", "afs")


def _postgresql(subject: Subject) -> Iterator[tuple[str, BaseDatabaseWrapper]]:
    """Yield the alias and connection of each PostgreSQL database that can be reached."""
    for alias in connections:
        if connections[alias].vendor == "postgresql" and alias not in unreachable(subject):
            yield alias, connections[alias]


def read_variable(connection: BaseDatabaseWrapper, name: str) -> str:
    """Return a variable of a PostgreSQL server."""
    with connection.cursor() as cursor:
        cursor.execute(f"SHOW {name}")
        return str(cursor.fetchone()[0])


@check("W413")
def too_many_connections(subject: Subject) -> Iterator[Finding]:
    """The web processes of all hosts may open more connections than PostgreSQL accepts.

    Under load visitors get errors ("too many clients already").
    """
    threads = web_threads(subject.command("web"))
    hosts = max((len(one.hosts) for one in subject.project.inventory.values()), default=1)
    for alias, connection in _postgresql(subject):
        most = int(read_variable(connection, "max_connections"))
        if threads * max(hosts, 1) > most - 5:  # some are kept for administrators
            yield Finding(
                f"DATABASES[{alias!r}]: {threads} threads on {max(hosts, 1)} hosts may open more than "
                f"the {most} connections of the server",
                "Use fewer workers or threads, raise max_connections, or use PgBouncer.",
                "DATABASES",
            )


def web_threads(command: str) -> int:
    """Return how many threads a web command runs, each of which may have a connection.

    >>> web_threads("gunicorn --workers 3 --threads=4 shop.wsgi")
    12
    """
    product = 1
    for option in (r"(?:--workers|-w)", r"--threads"):
        match = re.search(rf"{option}[= ](?:\$\{{\w+:-)?(\d+)", command)
        product *= int(match[1]) if match else 1
    return product


@check("W418", on_request=True)
def no_timeouts(subject: Subject) -> Iterator[Finding]:
    """PostgreSQL has no limit for a statement, nor for waiting for a lock.

    One migration that waits for a lock lets every later query wait behind it.
    """
    for alias, connection in _postgresql(subject):
        names = ("statement_timeout", "lock_timeout")
        missing = [name for name in names if read_variable(connection, name) in ("0", "0ms")]
        if len(missing) == len(names):
            yield Finding(
                f"DATABASES[{alias!r}]: neither {' nor '.join(missing)} is set",
                "Set them for the database user: ALTER ROLE … SET lock_timeout = '5s'.",
                "DATABASES",
            )


@check("E419")
def sqlite_on_network(subject: Subject) -> Iterator[Finding]:
    """An SQLite file is on a network file system.

    Its locks do not work there: two hosts that write damage the database.
    """
    mounts = Path("/proc/mounts")
    text = mounts.read_text(encoding="utf-8", errors="replace") if mounts.exists() else ""
    for alias in connections:
        entry = connections[alias].settings_dict
        name = str(entry.get("NAME", ""))
        if "sqlite" in str(entry.get("ENGINE", "")) or "spatialite" in str(entry.get("ENGINE", "")):
            kind = file_system(os.path.realpath(name), text)
            if kind in _NETWORK:
                yield Finding(
                    f"DATABASES[{alias!r}]: {name} is on a network file system ({kind})",
                    "Use a disk of this host, or PostgreSQL.",
                    "DATABASES",
                )


def file_system(path: str, mounts: str) -> str:
    """Return the type of the file system of a path, given the text of /proc/mounts.

    >>> file_system("/srv/a/b", "x / ext4 rw 0 0\\nnas:/a /srv/a nfs4 rw 0 0\\n")
    'nfs4'
    """
    rows = [line.split() for line in mounts.splitlines()]
    points = [(row[1].replace("\\040", " "), row[2]) for row in rows if len(row) > 2]
    above = [one for one in points if path == one[0] or path.startswith(one[0].rstrip("/") + "/")]
    return max(above, key=lambda one: len(one[0]))[1] if above else ""
