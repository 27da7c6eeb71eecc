"""Checks of the Procfile, with the web and worker processes of the site."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import re
from collections.abc import Iterator

from django.conf import settings
from django.urls import Resolver404, resolve
from django.utils.translation import get_language

from django_deploykit.checks.catalogue import check
from django_deploykit.checks.finding import Finding, Undecided
from django_deploykit.checks.process_lines import module_exists
from django_deploykit.checks.project_settings import error_text
from django_deploykit.checks.served import (
    find_applications,
    why_no_asgi_server,
    why_served_by_asgi,
)
from django_deploykit.checks.site_requests import SiteResponse, ask_site, site_host, site_request
from django_deploykit.checks.subject import Subject
from django_deploykit.checks.written_files import Beat, celery_app, iter_written
from django_deploykit.conf.serving import is_asgi_command
from django_deploykit.errors import Problems
from django_deploykit.project.procfile import ASGI_SERVER_HINT, NO_ASGI_SERVER
from django_deploykit.runtime.base.names import is_number
from django_deploykit.runtime.base.probe import Response, response_problem
from django_deploykit.runtime.bundle.manifest import Process
from django_deploykit.runtime.servers import server_in
from django_deploykit.runtime.storage.shell import keeps_shell

_SPATIALITE = "django.contrib.gis.db.backends.spatialite"
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
    if not module_exists(match[1]):
        yield Finding(
            f"the process web of the Procfile uses {match[1]}, which does not exist",
            "Correct the name of the module in the Procfile.",
            path="Procfile",
        )


@check("E813")
def unhealthy_page(subject: Subject) -> Iterator[Finding]:
    """A page that a release requests before the switch does not answer well.

    It is the site's first page, unless `health` in deploykit.ini names others. The site is asked here
    as a release asks it, with its own middleware. If the answer needs a database or another service,
    it does not count.
    """
    if subject.server:
        return
    unknown: Undecided | None = None
    for page, line in _health_pages(subject).items():
        try:
            problem = _page_problem(page)
        except Undecided as error:
            unknown = error
            continue
        if problem:
            yield Finding(
                problem,
                "Name a page that answers 200 without a login: "
                "health = /PATH in [environment:NAME] of deploykit.ini.",
                path="deploykit.ini" if line else "",
                line=line,
            )
    if unknown is not None:
        raise unknown


def _health_pages(subject: Subject) -> dict[str, int]:
    """Return the pages that releases request, and the line of deploykit.ini with each, or 0."""
    found: dict[str, int] = {}
    try:
        environments = list(subject.project.inventory.values())
    except Problems:
        return found  # E821 has these
    servers = [one for one in environments if one.hosts] or environments
    pages = {page for one in servers for page in one.pages}
    hosts = (host.overrides.get("health", "") for one in servers for host in one.hosts)
    pages.update(page for text in hosts for page in str(text).split())
    for section, options in subject.project.ini.sections.items():
        option = options.get("health")
        if option is not None and section.startswith(("environment:", "host:")):
            found.update(dict.fromkeys(option.value.split(), option.line))
    return {page: found.get(page, 0) for page in sorted({*pages, *found})}


def _page_problem(page: str) -> str:
    """Return what is wrong with the answer of a page, as a release sees it, or ""."""
    try:
        answer = _answer(page)
    except Undecided:
        if _has_route(page):
            raise
        return f"GET {page}: no URL of the site has this path"
    if answer.status <= 400:
        return ""  # E205 has a redirect to the page itself, E202 and W020 a wrong host name
    problem = response_problem(Response(answer.status), page, site_host()).partition(": to name")[0]
    return f"{problem}: {answer.raised}" if answer.raised else problem


def _answer(page: str) -> SiteResponse:
    answer = ask_site(site_request(page, site_host()))
    if answer.status >= 400 and answer.depends_on:
        raise Undecided(f"the answer of {page} depends on {answer.depends_on}")
    return answer


def _has_route(page: str) -> bool:
    """Whether the URLs have a path, or middleware may answer what they have not."""
    if any("Fallback" in str(one) for one in settings.MIDDLEWARE):
        return True
    path = page.partition("?")[0]
    if any("LocaleMiddleware" in str(one) for one in settings.MIDDLEWARE):  # redirects to /en/…
        return _resolves(path) or _resolves(f"/{get_language() or settings.LANGUAGE_CODE}{path}")
    return _resolves(path)


def _resolves(path: str) -> bool:
    try:
        resolve(path)
    except Resolver404:
        return False
    return True


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


@check("E828")
def file_in_release(subject: Subject) -> Iterator[Finding]:
    """A process of the Procfile writes a file into the release.

    A release is read-only on servers, so the process fails there. celery beat keeps its schedule in
    the folder in which it starts, unless an option names another place.
    """
    for process in subject.processes:
        app = celery_app(process.command)
        beat = None if app is None else _beat_of(subject, app)
        for one in iter_written(process.command, beat):
            yield Finding(
                f"the process {process.name} of the Procfile writes {one.path} into the release, "
                "which is read-only on servers",
                one.hint,
                path="Procfile",
                line=_line_of(subject, process.name),
            )


def _beat_of(subject: Subject, name: str) -> Beat | None:
    """Return where beat keeps its schedule, as Celery reads it, or None without such a file."""
    try:
        celery = importlib.import_module("celery")
        utils = importlib.import_module("celery.app.utils")
        conf = utils.find_app(name).conf if name else celery.current_app.conf
        beat = Beat(str(conf.beat_scheduler), str(conf.beat_schedule_filename))
    except Exception as error:  # noqa: BLE001 - the app's module may raise anything
        raise Undecided(f"the Celery app {name} cannot be loaded: {error_text(error)}") from None
    return None if os.path.isabs(beat.file) and not subject.inside(beat.file) else beat


@check("E829")
def no_websockets(subject: Subject) -> Iterator[Finding]:
    """The project routes WebSockets, but what serves it does not answer them.

    WSGI servers know no WebSockets, and uvicorn needs a package for them: visitors get a 404.
    """
    application = find_applications(subject)
    if not application.websockets:
        return
    web = subject.command("web")
    if web and not any(is_asgi_command(one.command) for one in subject.processes):
        yield Finding(
            f"{application.module} routes WebSockets, but the web line of the Procfile serves WSGI",
            f"Write web: gunicorn {application.module} -k uvicorn_worker.UvicornWorker.",
            path="Procfile",
            line=_line_of(subject, "web"),
        )
        return
    uvicorn = subject.has_distribution("uvicorn") and (not web or "uvicorn" in web.lower())
    if uvicorn and not any(map(subject.has_distribution, ("websockets", "wsproto"))):
        yield Finding(
            f"{application.module} routes WebSockets, but uvicorn needs the package websockets",
            "Add uvicorn[standard] to the project's requirements and lock again.",
        )


@check("E830")
def no_asgi_server(subject: Subject) -> Iterator[Finding]:
    """The site is served by ASGI, but the Procfile has no web line and no server is locked.

    A bundle cannot choose a server then, and is not built.
    """
    why = why_no_asgi_server(subject)
    if why:
        yield Finding(f"{NO_ASGI_SERVER} {why}", ASGI_SERVER_HINT)


@check("I831")
def served_by_asgi(subject: Subject) -> Iterator[Finding]:
    """The project has wsgi.py and asgi.py and no web line in its Procfile; ASGI is chosen.

    It is chosen if the settings have ASGI_APPLICATION, if daphne or channels is installed, or if
    asgi.py routes WebSockets.
    """
    application = find_applications(subject)
    why = "" if subject.command("web") else why_served_by_asgi(subject)
    if why and application.wsgi:
        yield Finding(
            f"releases serve {application.module} by ASGI: {why}",
            "To serve it by WSGI, write the web line in the Procfile: web: gunicorn PROJECT.wsgi.",
        )


@check("I832")
def system_libraries(subject: Subject) -> Iterator[Finding]:
    """The project uses GeoDjango, which loads libraries of the system.

    No lock file has GDAL, GEOS and SpatiaLite. Without them on a host, the site does not start there.
    """
    if subject.server or not subject.installed("django.contrib.gis"):
        return
    names, packages = "GDAL and GEOS", "gdal-bin"
    if any(one.get("ENGINE") == _SPATIALITE for one in settings.DATABASES.values()):
        names, packages = "GDAL, GEOS and SpatiaLite", f"{packages} libsqlite3-mod-spatialite"
    yield Finding(
        f"GeoDjango needs the libraries {names} on every host",
        f"Run apt install {packages} on the hosts before the first release.",
        "INSTALLED_APPS",
    )


def _line_of(subject: Subject, name: str) -> int:
    """Return the line number of a process in the Procfile, or 0."""
    try:
        text = (subject.root / "Procfile").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    pattern = re.compile(rf"\s*{name}\s*:")
    return next((n for n, line in enumerate(text.splitlines(), 1) if pattern.match(line)), 0)
