"""Checks of the Procfile, with the web and worker processes of the site."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
from collections.abc import Iterator

from django.conf import settings
from django.urls import Resolver404, resolve

from django_deploykit import health
from django_deploykit.checks.catalogue import check
from django_deploykit.checks.finding import Finding
from django_deploykit.checks.subject import Subject
from django_deploykit.runtime.base.names import is_number
from django_deploykit.runtime.bundle.manifest import Process
from django_deploykit.runtime.servers import server_in
from django_deploykit.runtime.storage.shell import keeps_shell

_APPLICATION = re.compile(r"\bgunicorn\b.*?\s([A-Za-z_][\w.]*\.(?:wsgi|asgi))(?=[:\s]|$)")


@check("E810")
def development_server(subject: Subject) -> Iterator[Finding]:
    """A process of the Procfile is Django's development server.

    It has not gone through security audits or performance tests.
    """
    for process in subject.processes:
        if re.search(r"\brunserver(_plus)?\b", process.command):
            yield Finding(
                f"the process {process.name} of the Procfile is runserver, "
                "which is only for development",
                "Write web: gunicorn PROJECT.wsgi.",
                path="Procfile",
            )


@check("W811")
def gunicorn_options(subject: Subject) -> Iterator[Finding]:
    """gunicorn has options that are for development, or that disable its timeout.

    --reload watches files and restarts workers; with --timeout 0, a worker that hangs is never
    restarted.
    """
    web = subject.command("web")
    server = server_in(web)
    if server is not None:
        for pattern, what in server.risky_options:
            if re.search(pattern, web):
                yield Finding(f"{server.name} runs with {what}", "Remove it.", path="Procfile")


@check("W826")
def old_threaded_gunicorn(subject: Subject) -> Iterator[Finding]:
    """gunicorn is older than version 24 and uses threads.

    When it stops, as at every switch, it closes connections that it has accepted but not read yet,
    so some requests are reset.
    """
    web = subject.command("web")
    if web and ("gunicorn" not in web or not re.search(r"--threads|gthread", web)):
        return
    try:
        version = importlib.metadata.version("gunicorn")
    except importlib.metadata.PackageNotFoundError:
        return
    major = version.partition(".")[0]
    if is_number(major) and int(major) < 24:
        yield Finding(
            f"gunicorn {version} resets some connections when it stops; expected 24 or newer",
            "Lock gunicorn 24 or newer.",
        )


@check("E812")
def missing_application(subject: Subject) -> Iterator[Finding]:
    """The web process of the Procfile uses an application that does not exist.

    Every worker would exit when it starts.
    """
    match = _APPLICATION.search(subject.command("web"))
    if match is None or not subject.root.is_dir():
        return
    try:
        exists = importlib.util.find_spec(match[1]) is not None
    except (ImportError, ValueError):
        exists = False
    if not exists:
        yield Finding(
            f"the process web of the Procfile uses {match[1]}, which does not exist",
            "Correct the name of the module in the Procfile.",
            path="Procfile",
        )


@check("E813")
def no_health_route(subject: Subject) -> Iterator[Finding]:
    """The health path in deploykit.ini is not a URL of the site.

    A release requests it before the switch, so every release would fail.
    """
    if subject.server:
        return
    for section, options in subject.project.ini.sections.items():
        option = options.get("health")
        if option is None or not section.startswith(("environment:", "host:")):
            continue
        for page in option.value.split():
            if _is_health_endpoint(page):
                continue
            try:
                resolve(page.partition("?")[0])
            except Resolver404:
                yield Finding(
                    f"health = {page} is not a URL of the site",
                    "Use a page that returns 200 without a login.",
                    path="deploykit.ini",
                    line=option.line,
                )


def _is_health_endpoint(path: str) -> bool:
    """Whether our middleware answers the path, before a URLconf is asked."""
    endpoint = health.read_health()
    return health.MIDDLEWARE in settings.MIDDLEWARE and path in (endpoint.live, endpoint.ready)


@check("E819")
def web_behind_shell(subject: Subject) -> Iterator[Finding]:
    """The web process of the Procfile runs behind a shell.

    The shell gets the listening socket and the signals instead of the server: a release fails at
    the switch, and the server is killed instead of stopped. Debian's sh (dash) replaces itself with
    the last command of a list only if that starts with exec.
    """
    for process in subject.processes:
        if process.name == "web":
            yield from _behind_shell(subject, process)


@check("W820")
def process_behind_shell(subject: Subject) -> Iterator[Finding]:
    """A worker process of the Procfile runs behind a shell.

    The shell gets the stop signal and exits, and its child is killed in the middle of its work.
    """
    for process in subject.processes:
        if process.name not in ("web", "release"):
            yield from _behind_shell(subject, process)


def _behind_shell(subject: Subject, process: Process) -> Iterator[Finding]:
    command = process.command
    if not keeps_shell(command):
        return
    migrate = (
        "Migrate in a process of its own, `release: python manage.py migrate`. "
        if re.search(r"\bmigrate\b", command)
        else ""
    )
    last = re.split(r"&&|\|\||[;|]", command)[-1].strip(" ()") or command
    yield Finding(
        f"the process {process.name} of the Procfile runs behind a shell: {command}",
        f"{migrate}Write `exec` before the last command: `… && exec {last}`.",
        path="Procfile",
        line=_line_of(subject, process.name),
    )


def _line_of(subject: Subject, name: str) -> int:
    """Return the line number of a process in the Procfile, or 0."""
    try:
        text = (subject.root / "Procfile").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    pattern = re.compile(rf"\s*{name}\s*:")
    return next((n for n, line in enumerate(text.splitlines(), 1) if pattern.match(line)), 0)
