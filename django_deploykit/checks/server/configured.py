"""Checks of the host's configuration and of what runs with it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from django_deploykit.checks.catalogue import check
from django_deploykit.checks.finding import Finding
from django_deploykit.checks.project_settings import iter_options
from django_deploykit.checks.server.host import HOST_SOURCES, configuration_files
from django_deploykit.checks.subject import Subject
from django_deploykit.conf import configs
from django_deploykit.conf.readers import secret_problem
from django_deploykit.conf.sources import Sources

_PLACEHOLDER = re.compile(
    r"change[-_ ]?me|replace[-_ ]?(me|this)|\byour[-_]|\bTODO\b|\bFIXME\b|x{4,}|<[^>]+>"
    r"|(@|//)([\w.-]+[.@])?example\.(com|org|net)(?![\w.])",
    re.IGNORECASE,
)


@check("W809")
def placeholder_in_configuration(subject: Subject) -> Iterator[Finding]:
    """The configuration of the host still has a placeholder.

    A sample was copied, and not filled in.
    """
    for one, found in iter_options(configs(), Sources.find):
        if found is None or found.source not in HOST_SOURCES:
            continue
        weak = one.secret and secret_problem(found.text) == "is a placeholder"
        if weak or _PLACEHOLDER.search(found.text):
            yield Finding(f"{found.where} is a placeholder", "Write the value of this site.")


@check("I807")
def older_processes(subject: Subject) -> Iterator[Finding]:
    """A process of this release is older than the configuration.

    It still runs with the earlier values.
    """
    changed = {str(path): path.stat().st_mtime for path in configuration_files(subject)}
    if not changed:
        return
    newest = max(changed, key=lambda path: changed[path])
    for pid, started in processes_in(subject.root):
        if started < changed[newest]:
            yield Finding(
                f"the process {pid} is older than {newest}, and runs with the earlier values",
                "Restart the site's processes.",
                path=newest,
            )
            return


def processes_in(folder: Path) -> Iterator[tuple[int, float]]:
    """Yield the number and start time of each other process that runs a program below a folder."""
    wanted = os.fsencode(str(folder.parent if folder.name == "app" else folder)) + b"/"
    for place in Path("/proc").glob("[0-9]*"):
        pid = int(place.name)
        try:
            program = (place / "cmdline").read_bytes().split(b"\0")[:2]
            started = place.stat().st_mtime
        except OSError:
            continue
        if pid not in (os.getpid(), os.getppid()) and any(
            one.startswith(wanted) for one in program
        ):
            yield pid, started


@check("W604")
def manifest_is_old(subject: Subject) -> Iterator[Finding]:
    """Static files are newer than the manifest that collectstatic wrote.

    Visitors get the files of an earlier release.
    """
    if not subject.installed("django.contrib.staticfiles") or not settings.STATIC_ROOT:
        return
    manifest = Path(settings.STATIC_ROOT) / "staticfiles.json"
    if subject.released or not manifest.is_file():
        return  # a bundle is built at once
    from django.contrib.staticfiles import finders

    written = manifest.stat().st_mtime
    for finder in finders.get_finders():
        for name, storage in finder.list(["CVS", ".*", "*~"]):
            if Path(storage.path(name)).stat().st_mtime > written + 1:
                yield Finding(
                    f"{name} is newer than staticfiles.json, so visitors get an earlier file",
                    "Run manage.py collectstatic.",
                    "STATIC_ROOT",
                )
                return
