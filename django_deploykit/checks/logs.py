"""Checks of logging, which make sure that errors are noticed."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping

from django.conf import settings

from django_deploykit.checks.catalogue import check
from django_deploykit.checks.finding import Finding
from django_deploykit.checks.project_settings import is_overridden
from django_deploykit.checks.subject import Subject
from django_deploykit.conf.readers import Entry

_TRACKERS = (
    "sentry_sdk",
    "rollbar",
    "bugsnag",
    "honeybadger",
    "elasticapm",
    "newrelic",
    "opbeat",
    "scout_apm",
)
_ROTATING = ("RotatingFileHandler", "TimedRotatingFileHandler")
_HINT = "Log to standard error, which the journal keeps, or to a folder below config.data."


def _logging() -> Entry:
    return dict(settings.LOGGING or {})


def _handlers() -> dict[str, Entry]:
    return dict(_logging().get("handlers", {}))


def _has_tracker() -> bool:
    """Whether an error tracker is loaded in this process."""
    return any(name in sys.modules for name in _TRACKERS)


def _emits(name: str, handlers: Mapping[str, Entry]) -> bool:
    """Whether a handler delivers errors when DEBUG is off."""
    handler = handlers.get(name, {})
    definitions = _logging().get("filters", {})
    for one in map(str, handler.get("filters", [])):
        definition = definitions.get(one, {})
        kind = str(definition.get("()", definition.get("class", one)))
        if "RequireDebugTrue" in kind or one == "require_debug_true":
            return False
    kind = str(handler.get("class", handler.get("()", "")))
    if kind.endswith("AdminEmailHandler"):
        return bool(settings.ADMINS)
    return bool(handler) and not kind.endswith("NullHandler")


@check("E707")
def silent_errors(subject: Subject) -> Iterator[Finding]:
    """No handler reports errors if DEBUG is off.

    Django's console handler works only if DEBUG is on, and its mail goes to ADMINS: without either,
    a 500 leaves no trace.
    """
    if _has_tracker():
        return
    handlers = _handlers()
    loggers = _logging().get("loggers", {})
    used = list(_logging().get("root", {}).get("handlers", []))
    for name in ("", "django", "django.request"):
        used += loggers.get(name, {}).get("handlers", [])
    default_mail = bool(settings.ADMINS) and settings.LOGGING_CONFIG and "django" not in loggers
    if not default_mail and not any(_emits(name, handlers) for name in used):
        yield Finding(
            "no handler reports errors if DEBUG is off, so a 500 leaves no trace",
            "Write LOGGING = config.logging(), which logs everything to standard error.",
            "LOGGING",
        )


@check("E708")
def log_file_in_release(subject: Subject) -> Iterator[Finding]:
    """A log file is inside the release, or has a relative path.

    The site's user cannot write there, so the process exits when it starts.
    """
    for name, handler in _handlers().items():
        path = str(handler.get("filename") or "")
        if path and not os.path.isabs(path):
            yield Finding(
                f"LOGGING: {name} writes to {path!r}, relative to the current folder",
                _HINT,
                "LOGGING",
            )
        elif path and subject.inside(path):
            yield Finding(
                f"LOGGING: {name} writes inside the release, which is read-only", _HINT, "LOGGING"
            )


@check("W709")
def rotating_by_workers(subject: Subject) -> Iterator[Finding]:
    """Several processes rotate the same log file.

    Each renames the file while the others write to it, and lines are lost.
    """
    for name, handler in _handlers().items():
        if str(handler.get("class", "")).rpartition(".")[2] in _ROTATING:
            yield Finding(
                f"LOGGING: {name} rotates its file in every worker, so lines are lost",
                "Log to standard error, or use WatchedFileHandler with logrotate.",
                "LOGGING",
            )


@check("W710")
def mail_to_nobody(subject: Subject) -> Iterator[Finding]:
    """LOGGING mails errors to ADMINS, but ADMINS is empty.

    No one is notified of errors, although the settings suggest it.
    """
    if settings.ADMINS or _has_tracker() or not is_overridden("LOGGING"):
        return
    for name, handler in _handlers().items():
        if str(handler.get("class", "")) == "django.utils.log.AdminEmailHandler":
            yield Finding(
                f"LOGGING: {name} mails errors to ADMINS, which is empty",
                'Write ADMINS = [("Name", "name@example.com")].',
                "LOGGING",
            )


@check("W711")
def logged_queries(subject: Subject) -> Iterator[Finding]:
    """Every SQL query is logged with its parameters.

    Personal data gets into the logs.
    """
    level = _logging().get("loggers", {}).get("django.db.backends", {}).get("level", "")
    if str(level).upper() == "DEBUG":
        yield Finding(
            "LOGGING: django.db.backends at DEBUG logs the parameters of queries",
            "Remove it.",
            "LOGGING",
        )
