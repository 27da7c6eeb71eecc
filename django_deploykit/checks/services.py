"""Checks of caches, sessions, tasks and mail."""

from __future__ import annotations

import importlib.util
import re
import warnings
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from django_deploykit.checks.catalogue import Found, check
from django_deploykit.checks.subject import Subject, overridden
from django_deploykit.conf.services import StandInBackend

_LOCAL_CACHES = ("LocMemCache", "DummyCache")
_NO_DELIVERY = ("console", "file", "filebased", "locmem", "dummy")


def _backend(alias: str) -> str:
    """Return the last word of a cache's backend, "" where a build's stand-in holds its place."""
    backend = settings.CACHES.get(alias, {}).get("BACKEND", "")
    return "" if isinstance(backend, StandInBackend) else str(backend).rpartition(".")[2]


def _mailers() -> list[tuple[str, str, dict[str, Any]]]:
    """Return (name, backend, options) of every way out for mail, in the old and the new form.

    A build's stand-in says nothing of what production has.
    """
    return [row for row in _all_mailers() if not isinstance(row[1], StandInBackend)]


def _all_mailers() -> list[tuple[str, str, dict[str, Any]]]:
    mailers = getattr(settings, "MAILERS", None)
    if mailers and overridden("MAILERS"):
        return [
            (f"MAILERS[{name!r}]", _text(entry.get("BACKEND", "")), dict(entry.get("OPTIONS", {})))
            for name, entry in mailers.items()
        ]
    if not hasattr(settings, "EMAIL_BACKEND"):
        return []
    with warnings.catch_warnings():  # Django 6.1 warns whoever reads the old form
        warnings.simplefilter("ignore")
        names = ("host", "port", "use_tls", "use_ssl", "timeout")
        options = {name: getattr(settings, f"EMAIL_{name.upper()}") for name in names}
        return [("EMAIL_BACKEND", _text(settings.EMAIL_BACKEND), options)]


def _text(backend: object) -> str:
    return backend if isinstance(backend, str) else str(backend)


def _sends_mail() -> bool:
    """Whether the project says anything of mail; what leads nowhere alone is E701's to tell."""
    rows = _all_mailers()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if overridden("MAILERS", "EMAIL_BACKEND") and rows:
            return any(not _goes_nowhere(backend) for _, backend, _ in rows)
        names = ("EMAIL_HOST", "ADMINS", "MANAGERS")
        return any(overridden(name) and getattr(settings, name, None) for name in names)


@check("W501")
def cache_of_one_process(subject: Subject) -> Iterator[Found]:
    """The default cache is one that workers do not share.

    Rate limits, locks and invalidations then hold for one worker each.
    """
    if overridden("CACHES") and _backend("default") in _LOCAL_CACHES:
        yield Found(
            f"CACHES['default'] is {_backend('default')}, which workers do not share",
            'Use Redis, memcached or the database: config.cache("CACHE_URL").',
            "CACHES",
        )


@check("E502")
def sessions_of_one_process(subject: Subject) -> Iterator[Found]:
    """Sessions live in a cache that workers do not share.

    People are logged in every nth request.
    """
    engine = str(settings.SESSION_ENGINE)
    alias = settings.SESSION_CACHE_ALIAS
    if engine.endswith(".cache") and _backend(alias) in _LOCAL_CACHES:
        yield Found(
            f"SESSION_ENGINE keeps sessions in CACHES[{alias!r}], which is {_backend(alias)}",
            "Use cached_db, or a cache that workers share.",
            "SESSION_ENGINE",
        )


@check("W506")
def open_cache(subject: Subject) -> Iterator[Found]:
    """A cache on another network's host without a password.

    Whoever reaches it reads and writes sessions; Django pickles cache values.
    """
    for alias, entry in settings.CACHES.items():
        location = entry.get("LOCATION", "")
        for one in location if isinstance(location, (list, tuple)) else [location]:
            parts = urlsplit(str(one))
            public = parts.hostname and "." in parts.hostname and not _is_private(parts.hostname)
            if parts.scheme in ("redis", "rediss") and public and not parts.password:
                yield Found(
                    f"CACHES[{alias!r}]: Redis on {parts.hostname} without a password",
                    "Give it one, and use rediss://.",
                    "CACHES",
                )


def _is_private(host: str) -> bool:
    import ipaddress

    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return host.endswith((".internal", ".local", ".lan"))


@check("E507")
def tasks_in_requests(subject: Subject) -> Iterator[Found]:
    """Background tasks run inside the request, or never.

    Pages wait for mail servers; with the dummy backend the work is dropped.
    """
    for alias, entry in getattr(settings, "TASKS", {}).items():
        backend = str(entry.get("BACKEND", "")).rpartition(".")[2]
        if overridden("TASKS") and backend in ("ImmediateBackend", "DummyBackend"):
            yield Found(
                f"TASKS[{alias!r}] is {backend}: tasks do not run in the background",
                "Use a backend with workers of its own.",
                "TASKS",
            )
    for name in ("CELERY_TASK_ALWAYS_EAGER", "CELERY_ALWAYS_EAGER", "task_always_eager"):
        if getattr(settings, name, False):
            yield Found(f"{name} is on: Celery's tasks run inside the request", "Remove it.", name)


@check("E701")
def mail_goes_nowhere(subject: Subject) -> Iterator[Found]:
    """Mail is written to the console, a file or memory.

    Nobody gets a password reset.
    """
    for name, backend, _ in _mailers():
        if _goes_nowhere(backend):
            yield Found(
                f"{name} delivers no mail ({_kind(backend)})",
                'Use config.email("EMAIL_URL"), as submission://user:password@host:587.',
                name.partition("[")[0],
            )


def _kind(backend: str) -> str:
    return backend.split(".")[-2] if backend.count(".") > 1 else backend


def _goes_nowhere(backend: str) -> bool:
    return _kind(backend) in _NO_DELIVERY and (backend.startswith("django.") or "." not in backend)


@check("W702")
def mail_from_localhost(subject: Subject) -> Iterator[Found]:
    """Mail comes from somebody at localhost.

    Mail servers refuse it.
    """
    if not _sends_mail():
        return
    for name in ("DEFAULT_FROM_EMAIL", "SERVER_EMAIL"):
        if re.search(r"@localhost\b", getattr(settings, name)):
            yield Found(
                f"{name} is {getattr(settings, name)}, which mail servers refuse",
                f"Set {name} to an address of the site.",
                name,
            )


@check("W703")
def mail_without_timeout(subject: Subject) -> Iterator[Found]:
    """There is no time limit for the mail server.

    When it hangs, all workers do.
    """
    if not _sends_mail():
        return
    for name, backend, options in _mailers():
        if "smtp" in backend and not options.get("timeout"):
            yield Found(
                f"{name}: no timeout for the mail server",
                "Set EMAIL_TIMEOUT = 10 (MAILERS: OPTIONS timeout).",
                name.partition("[")[0],
            )


@check("E704")
def mail_encryption(subject: Subject) -> Iterator[Found]:
    """Mail's TLS settings contradict each other or the port.

    Port 465 speaks TLS from the first byte (SSL), 587 begins in the clear (TLS).
    """
    for name, backend, options in _mailers():
        if "smtp" not in backend:
            continue
        tls, ssl, port = (options.get(key) for key in ("use_tls", "use_ssl", "port"))
        setting = name.partition("[")[0]
        if tls and ssl:
            yield Found(
                f"{name}: TLS and SSL exclude each other", "Port 587 wants TLS, 465 SSL.", setting
            )
        elif port == 465 and not ssl:
            yield Found(f"{name}: port 465 needs SSL", "Set EMAIL_USE_SSL = True.", setting)
        elif port == 587 and ssl:
            yield Found(
                f"{name}: port 587 needs TLS, not SSL", "Set EMAIL_USE_TLS = True.", setting
            )


@check("E705")
def missing_driver(subject: Subject) -> Iterator[Found]:
    """A backend needs a package that is not installed.

    The first connection fails, not the start.
    """
    wanted = {
        "postgresql": ("psycopg", "psycopg2"),
        "postgis": ("psycopg", "psycopg2"),
        "mysql": ("MySQLdb", "pymysql"),
        "oracle": ("oracledb", "cx_Oracle"),
    }
    for alias, entry in settings.DATABASES.items():
        names = wanted.get(str(entry.get("ENGINE", "")).rpartition(".")[2], ())
        if names and not any(_is_installed(name) for name in names):
            yield Found(
                f"DATABASES[{alias!r}] needs {names[0]}, which is not installed",
                f"Add {names[0]} to the project's dependencies and lock them.",
                "DATABASES",
            )
    for alias in settings.CACHES:
        package = {
            "RedisCache": "redis",
            "PyMemcacheCache": "pymemcache",
            "PyLibMCCache": "pylibmc",
        }.get(_backend(alias))
        if package and not _is_installed(package):
            yield Found(
                f"CACHES[{alias!r}] needs {package}, which is not installed",
                f"Add {package} to the project's dependencies and lock them.",
                "CACHES",
            )


def _is_installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False
