"""Checks that need the host: its database, its cache, its files."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings

from django_deploykit.checks.catalogue import Found, check
from django_deploykit.checks.subject import Subject
from django_deploykit.conf import configs


@check("E403", server=True)
def database_away(subject: Subject) -> Iterator[Found]:
    """A database cannot be reached."""
    from django.db import connections

    for alias in connections:
        try:
            connections[alias].ensure_connection()
        except Exception as error:  # noqa: BLE001 - drivers raise what they like
            yield Found(
                f"DATABASES[{alias!r}] cannot be reached: {_first_line(error)}",
                "Is it running, and do the URL and the password hold?",
                "DATABASES",
            )


@check("E416", server=True)
def database_too_old(subject: Subject) -> Iterator[Found]:
    """A database server is older than Django supports."""
    from django.db import connections
    from django.db.utils import NotSupportedError

    for alias in connections:
        connection = connections[alias]
        try:
            connection.ensure_connection()
            connection.check_database_version_supported()
        except NotSupportedError as error:
            yield Found(
                f"DATABASES[{alias!r}]: {_first_line(error)}", "Upgrade the server.", "DATABASES"
            )
        except Exception:  # noqa: BLE001, S112 - E403 tells it
            continue


@check("W404", server=True)
def unapplied_migrations(subject: Subject) -> Iterator[Found]:
    """Migrations are not applied.

    A release applies them before the switch; afterwards there must be none.
    """
    for row in _states():
        if row["pending"]:
            names = [f"{one['app']}.{one['name']}" for one in row["pending"]]
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            yield Found(
                f"{row['database']}: not applied: {', '.join(names[:3])}{more}", "Run migrate."
            )


@check("W406", server=True)
def unknown_migrations(subject: Subject) -> Iterator[Found]:
    """The database has migrations that this code does not know.

    The code is older than the database, or of another branch.
    """
    for row in _states():
        if row["unknown"]:
            yield Found(
                f"{row['database']}: applied, but unknown here: {', '.join(row['unknown'][:3])}",
                "Release the newer code, or take the migrations back with it.",
            )


def _states() -> list[dict[str, Any]]:
    from django_deploykit.checks.migrations import migration_states

    try:
        return migration_states()
    except Exception:  # noqa: BLE001 - E403 tells what is wrong with the database
        return []


@check("E814", server=True)
def sick(subject: Subject) -> Iterator[Found]:
    """The site does not answer its health path well.

    It is asked inside the checking process, through the site's own middleware, so that a sick
    release is found before it listens anywhere.
    """
    from django_deploykit.checks.visitor import ask, read_visit

    problem = ask(read_visit(subject.ask)) if subject.ask else ""
    if problem:
        yield Found(problem, "Nobody was served by it: it was asked in the checking process.")


@check("E504", server=True)
def cache_away(subject: Subject) -> Iterator[Found]:
    """A cache does not keep what is put in."""
    from django.core.cache import caches

    for alias in settings.CACHES:
        if str(settings.CACHES[alias].get("BACKEND", "")).endswith("DummyCache"):
            continue
        try:
            caches[alias].set("deploykit.check", "kept", 10)
            kept = caches[alias].get("deploykit.check") == "kept"
        except Exception as error:  # noqa: BLE001 - drivers raise what they like
            if "no such table" in str(error) or "does not exist" in str(error):
                continue  # E505 tells it
            yield Found(
                f"CACHES[{alias!r}] cannot be used: {_first_line(error)}",
                "Is it running?",
                "CACHES",
            )
            continue
        if not kept:
            yield Found(f"CACHES[{alias!r}] does not keep what is put in", "Is it full?", "CACHES")


@check("E505", server=True)
def no_cache_table(subject: Subject) -> Iterator[Found]:
    """The table of a database cache is missing."""
    from django.db import connection

    for alias, entry in settings.CACHES.items():
        if not str(entry.get("BACKEND", "")).endswith("db.DatabaseCache"):
            continue
        try:
            there = entry.get("LOCATION") in connection.introspection.table_names()
        except Exception:  # noqa: BLE001, S112 - E403 tells it
            continue
        if not there:
            yield Found(
                f"CACHES[{alias!r}]: the table {entry.get('LOCATION')} is missing",
                "Run createcachetable.",
                "CACHES",
            )


@check("E606", server=True)
def media_not_writable(subject: Subject) -> Iterator[Found]:
    """Uploads cannot be written."""
    for name in ("MEDIA_ROOT", "FILE_UPLOAD_TEMP_DIR"):
        folder = getattr(settings, name)
        if folder and os.path.isabs(folder) and not _can_write(Path(folder)):
            yield Found(
                f"{name}: {folder} cannot be written by this user",
                "Put it below config.data, which belongs to the site's user.",
                name,
            )


@check("E714", server=True)
def log_not_writable(subject: Subject) -> Iterator[Found]:
    """A log file cannot be written."""
    for name, handler in dict((settings.LOGGING or {}).get("handlers", {})).items():
        path = handler.get("filename")
        if path and os.path.isabs(str(path)) and not _can_write(Path(str(path))):
            yield Found(f"LOGGING: {name}: {path} cannot be written by this user", "", "LOGGING")


@check("E803", server=True)
def open_configuration(subject: Subject) -> Iterator[Found]:
    """A configuration file with secrets can be read by everybody, or written by others."""
    for path in _files():
        mode = path.stat().st_mode
        if mode & (stat.S_IROTH | stat.S_IWOTH | stat.S_IWGRP):
            yield Found(
                f"{path} has mode {stat.S_IMODE(mode):04o}: others can read or write it",
                f"chmod 0600 {path}",
                path=str(path),
            )


@check("E804", server=True)
def configuration_in_release(subject: Subject) -> Iterator[Found]:
    """A configuration file lies inside the release, which replaces it."""
    for path in _files():
        if subject.inside(path) and path.name != "defaults.ini":
            yield Found(f"{path} lies inside the release", "Move it to /etc.", path=str(path))


@check("W808", server=True)
def overridden_option(subject: Subject) -> Iterator[Found]:
    """The environment overrides what a file of operations says.

    Whoever changes the file wonders why nothing happens.
    """
    for config in configs():
        for one in config.declarations:
            try:
                found = config.sources.all(one.env)
            except (OSError, UnicodeDecodeError):
                continue
            below = [
                other for other in found[1:] if other.source in ("etc", "credentials", "config")
            ]
            if (
                found
                and found[0].source == "environment"
                and below
                and below[0].text != found[0].text
            ):
                yield Found(
                    f"{found[0].where} in the environment overrides {below[0].where}",
                    "Keep one of them.",
                )


@check("W814", server=True)
def disk_is_full(subject: Subject) -> Iterator[Found]:
    """Less than a tenth of the disk is free."""
    for folder in {
        str(subject.root),
        str(_existing(Path(str(settings.MEDIA_ROOT or subject.root)))),
    }:
        usage = shutil.disk_usage(folder)
        if usage.free < usage.total // 10 and usage.free < 5 * 2**30:
            yield Found(f"{folder}: {usage.free // 2**20} MiB of the disk are free", "Make room.")


@check("W815", server=True)
def runs_as_root(subject: Subject) -> Iterator[Found]:
    """The site runs as root.

    A hole in the application is then a hole in the host.
    """
    if os.getuid() == 0 and not subject.local:
        yield Found(
            "the site runs as root", "Let --setup make its units, or give it a user of its own."
        )


def _files() -> list[Path]:
    """Return the INI files that were read from the disk, but for the packaged one and credentials."""
    found = []
    for config in configs():
        for source in config.sources.files:
            for value in source.values.values():
                if source.name in ("etc", "config"):
                    found.append(Path(value.where.partition(" [")[0].rpartition(":")[0]))
    return [path for path in dict.fromkeys(found) if path.is_file()]


def _existing(path: Path) -> Path:
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def _can_write(path: Path) -> bool:
    """Whether this user can write a file, or make the folders and files below one, tried for real."""
    if path.is_file():
        return os.access(path, os.W_OK)
    try:
        with tempfile.TemporaryFile(dir=_existing(path)):
            return True
    except OSError:
        return False


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
