"""Checks of logging: whether anybody learns of an error."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings

from django_deploykit.checks.catalogue import Found, check
from django_deploykit.checks.subject import Subject


def _logging() -> dict[str, Any]:
    return dict(settings.LOGGING or {})


def _handlers() -> dict[str, Mapping[str, Any]]:
    return dict(_logging().get("handlers", {}))


def _has_tracker() -> bool:
    """Whether an error tracker is installed in this process."""
    import sys

    names = (
        "sentry_sdk",
        "rollbar",
        "bugsnag",
        "honeybadger",
        "elasticapm",
        "newrelic",
        "opbeat",
        "scout_apm",
    )
    return any(name in sys.modules for name in names)


def _speaks(name: str, handlers: Mapping[str, Mapping[str, Any]]) -> bool:
    handler = handlers.get(name, {})
    filters = [str(one) for one in handler.get("filters", [])]
    definitions = _logging().get("filters", {})
    for one in filters:
        definition = definitions.get(one, {})
        kind = str(definition.get("()", definition.get("class", one)))
        if "RequireDebugTrue" in kind or one == "require_debug_true":
            return False
    kind = str(handler.get("class", handler.get("()", "")))
    if kind.endswith("NullHandler"):
        return False
    if kind.endswith("AdminEmailHandler"):
        return bool(settings.ADMINS)
    return bool(handler)


@check("E707")
def silent_errors(subject: Subject) -> Iterator[Found]:
    """Errors reach nobody when DEBUG is off.

    Django's own console handler works only in DEBUG and its mail goes to ADMINS: without either a
    500 leaves no trace.
    """
    if _has_tracker():
        return
    handlers = _handlers()
    loggers = _logging().get("loggers", {})
    used = list(_logging().get("root", {}).get("handlers", []))
    for name in ("", "django", "django.request"):
        used += loggers.get(name, {}).get("handlers", [])
    heard = any(_speaks(name, handlers) for name in used)
    default_mail = bool(settings.ADMINS) and settings.LOGGING_CONFIG and "django" not in loggers
    if not heard and not default_mail:
        yield Found(
            "errors reach no handler when DEBUG is off: a 500 leaves no trace",
            "Write LOGGING = config.logging(), which sends everything to standard error.",
            "LOGGING",
        )


@check("E708")
def log_file_unreachable(subject: Subject) -> Iterator[Found]:
    """A log file lies inside the release or relative to the working folder.

    The runtime user cannot write there; the process dies at its start.
    """
    for name, handler in _handlers().items():
        path = handler.get("filename")
        if not path:
            continue
        if not os.path.isabs(str(path)):
            yield Found(
                f"LOGGING: {name} writes to {str(path)!r}, relative to the working folder",
                _LOG_HINT,
                "LOGGING",
            )
        elif subject.inside(str(path)):
            yield Found(
                f"LOGGING: {name} writes inside the release, which nobody can write to",
                _LOG_HINT,
                "LOGGING",
            )


_LOG_HINT = "Log to standard error: the journal keeps it. Otherwise use a folder below config.data."


@check("W709")
def rotating_by_workers(subject: Subject) -> Iterator[Found]:
    """A log file is rotated by several processes at once.

    Each renames it under the others; lines are lost.
    """
    for name, handler in _handlers().items():
        if str(handler.get("class", "")).endswith(
            ("RotatingFileHandler", "TimedRotatingFileHandler")
        ):
            yield Found(
                f"LOGGING: {name} rotates its file in every worker: lines are lost",
                "Log to standard error, or use WatchedFileHandler with logrotate.",
                "LOGGING",
            )


@check("W711")
def logged_queries(subject: Subject) -> Iterator[Found]:
    """Every SQL query is logged, with its values.

    Personal data ends up in the logs.
    """
    level = _logging().get("loggers", {}).get("django.db.backends", {}).get("level", "")
    if str(level).upper() == "DEBUG":
        yield Found(
            "LOGGING: django.db.backends at DEBUG logs values of queries", "Remove it.", "LOGGING"
        )


@check("E810")
def development_server(subject: Subject) -> Iterator[Found]:
    """A process of the Procfile is the development server.

    It serves static files insecurely, one thread a request, and was never audited.
    """
    for process in subject.processes:
        if re.search(r"\brunserver(_plus)?\b", process.command):
            yield Found(
                f"the Procfile's {process.name} is runserver, which is for development",
                "Write web: gunicorn PROJECT.wsgi.",
                path="Procfile",
            )


@check("W811")
def gunicorn_options(subject: Subject) -> Iterator[Found]:
    """gunicorn has options that are for development or that hang.

    --reload watches files and restarts workers; --timeout 0 never ends one that hangs.
    """
    web = subject.command("web")
    if "gunicorn" not in web:
        return
    if re.search(r"--reload\b", web):
        yield Found(
            "gunicorn runs with --reload, which is for development", "Remove it.", path="Procfile"
        )
    if re.search(r"(?:--timeout|-t)[= ]+0\b", web):
        yield Found(
            "gunicorn runs with --timeout 0: a worker that hangs hangs for ever",
            "Remove it.",
            path="Procfile",
        )


@check("W826")
def hasty_gunicorn(subject: Subject) -> Iterator[Found]:
    """gunicorn is older than 24 and runs with threads.

    When it is told to finish, as at every switch, it closes connections that it accepted and has
    not read yet: now and then a visitor's request is reset.
    """
    web = subject.command("web")
    if web and ("gunicorn" not in web or not re.search(r"--threads|gthread", web)):
        return
    import importlib.metadata

    try:
        version = importlib.metadata.version("gunicorn")
    except importlib.metadata.PackageNotFoundError:
        return
    if version.partition(".")[0].isdigit() and int(version.partition(".")[0]) < 24:
        yield Found(
            f"gunicorn {version} resets connections now and then when it is told to finish",
            "Lock gunicorn 24 or newer.",
        )


@check("E812")
def foreign_application(subject: Subject) -> Iterator[Found]:
    """The Procfile's web process names an application that is not there.

    Every worker dies at its start.
    """
    web = subject.command("web")
    match = re.search(r"\bgunicorn\b.*?\s([A-Za-z_][\w.]*\.(?:wsgi|asgi))(?=[:\s]|$)", web)
    if match is None or not subject.root.is_dir():
        return
    import importlib.util

    try:
        there = importlib.util.find_spec(match[1]) is not None
    except (ImportError, ValueError):
        there = False
    if not there:
        yield Found(
            f"the Procfile's web names {match[1]}, which is no module here",
            "Mend the Procfile.",
            path="Procfile",
        )


@check("E813")
def no_health_route(subject: Subject) -> Iterator[Found]:
    """The health path of deploykit.ini is no page of the site.

    A release asks for it before it takes over, and would always be refused.
    """
    from django.urls import Resolver404, resolve

    if subject.server:
        return
    for section, options in subject.project.ini.sections.items():
        option = options.get("health")
        if option is None or not section.startswith(("environment:", "host:")):
            continue
        try:
            resolve(option.value)
        except Resolver404:
            yield Found(
                f"health = {option.value} is no page of the site",
                "Name a page that answers 200 without a login.",
                path="deploykit.ini",
                line=option.line,
            )
