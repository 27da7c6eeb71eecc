"""Checks of the host's files and configuration, and of the site's user."""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from django_deploykit.checks.catalogue import check
from django_deploykit.checks.finding import Finding
from django_deploykit.checks.project_settings import iter_options
from django_deploykit.checks.subject import Subject
from django_deploykit.conf import configs
from django_deploykit.conf.sources import Sources
from django_deploykit.runtime.base.configuration import exposure_problem
from django_deploykit.runtime.base.hints import setup_command
from django_deploykit.runtime.base.variables import environment_file, ini_files

HOST_SOURCES = ("etc", "config", "credentials")  # of configuration that a host has


@check("E606")
def media_not_writable(subject: Subject) -> Iterator[Finding]:
    """Uploads cannot be written."""
    for name in ("MEDIA_ROOT", "FILE_UPLOAD_TEMP_DIR"):
        folder = getattr(settings, name)
        if folder and os.path.isabs(folder) and not _can_write(Path(folder)):
            yield Finding(
                f"{name}: this user cannot write to {folder}",
                "Use a folder below config.data, which belongs to the site's user.",
                name,
            )


@check("E714")
def log_not_writable(subject: Subject) -> Iterator[Finding]:
    """A log file cannot be written."""
    for name, handler in dict((settings.LOGGING or {}).get("handlers", {})).items():
        path = handler.get("filename")
        if path and os.path.isabs(str(path)) and not _can_write(Path(str(path))):
            yield Finding(
                f"LOGGING: {name}: this user cannot write to {path}",
                "Log to standard error, or to a folder below config.data.",
                "LOGGING",
            )


@check("E803")
def readable_configuration(subject: Subject) -> Iterator[Finding]:
    """Other users can read or write a configuration file that contains secrets."""
    for path in configuration_files(subject):
        problem = exposure_problem(path)
        if problem:
            yield Finding(problem, f"Run chmod 0600 {shlex.quote(str(path))}.", path=str(path))


@check("E804")
def configuration_in_release(subject: Subject) -> Iterator[Finding]:
    """A configuration file is inside the release, and the next release does not have it."""
    for path in configuration_files(subject):
        if subject.inside(path) and path.name != "defaults.ini":
            yield Finding(f"{path} is inside the release", "Move it to /etc.", path=str(path))


@check("W808")
def overridden_option(subject: Subject) -> Iterator[Finding]:
    """An environment variable overrides an option in a configuration file of the host.

    Changing the file has no effect.
    """
    for _, found in iter_options(configs(), Sources.all):
        if not found or found[0].source != "environment":
            continue
        below = [one for one in found if one.source in HOST_SOURCES]
        if below and below[0].text != found[0].text:
            yield Finding(
                f"{found[0].where} in the environment overrides {below[0].where}",
                "Remove one of them.",
            )


@check("W814")
def disk_is_full(subject: Subject) -> Iterator[Finding]:
    """Less than a tenth of the disk is free."""
    media = _nearest_existing(Path(str(settings.MEDIA_ROOT or subject.root)))
    for folder in {str(subject.root), str(media)}:
        usage = shutil.disk_usage(folder)
        if usage.free < usage.total // 10 and usage.free < 5 * 2**30:
            yield Finding(
                f"{folder}: only {usage.free // 2**20} MiB of the disk are free",
                "Delete files that are not needed, or enlarge the disk.",
            )


@check("W815")
def runs_as_root(subject: Subject) -> Iterator[Finding]:
    """The site runs as root.

    A vulnerability of the application then gives access to the whole host.
    """
    if os.getuid() == 0 and not subject.local:
        yield Finding(
            "the site runs as root",
            f"Let `{setup_command()}` create its units, or run it as a user of its own.",
        )


def configuration_files(subject: Subject, etc: str = "/etc") -> list[Path]:
    """Return the files that configure this site: INI files and the one with environment variables.

    The packaged file and credentials are left out. Settings without a Config read no INI file, but
    the site gets the variables in ``[environment]`` of it.
    """
    places = [
        value.where.partition(" [")[0].rpartition(":")[0]
        for config in configs()
        for source in config.sources.files
        if source.name in ("etc", "config")
        for value in source.values.values()
    ]
    read = [Path(place) for place in dict.fromkeys(places)]
    names = dict.fromkeys(config.app for config in configs()) or [subject.project.name]
    for app in filter(None, names):
        folder = Path(etc, app)
        read += [environment_file(one, app) for one in (folder, *(path.parent for path in read))]
        read += ini_files(folder, app)
    return [path for path in dict.fromkeys(read) if os.path.isfile(path)]


def _nearest_existing(path: Path) -> Path:
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def _can_write(path: Path) -> bool:
    """Whether this user can write a file. For a folder, creating a file in it is tried."""
    if path.is_file():
        return os.access(path, os.W_OK)
    try:
        with tempfile.TemporaryFile(dir=_nearest_existing(path)):
            return True
    except OSError:
        return False
