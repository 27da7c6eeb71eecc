"""Checks of caches, sessions, tasks and email."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from urllib.parse import SplitResult, urlsplit

import django
from django.conf import settings

from django_deploykit.checks.catalogue import check
from django_deploykit.checks.finding import Finding
from django_deploykit.checks.process_lines import module_exists
from django_deploykit.checks.project_settings import is_overridden, is_private_host
from django_deploykit.checks.subject import Subject
from django_deploykit.conf.services import PLACEHOLDER_CACHE, PLACEHOLDER_MAIL
from django_deploykit.conf.urls import standard_parts

_LOCAL_CACHES = ("LocMemCache", "DummyCache")
_NO_DELIVERY = ("console", "file", "filebased", "locmem", "dummy")
_DATABASE_PACKAGES = {
    "postgresql": ("psycopg", "psycopg2"),
    "postgis": ("psycopg", "psycopg2"),
    "mysql": ("MySQLdb", "pymysql"),
    "oracle": ("oracledb", "cx_Oracle"),
}
_CACHE_PACKAGES = {
    "RedisCache": ("redis",),
    "PyMemcacheCache": ("pymemcache",),
    "PyLibMCCache": ("pylibmc",),
}


def _cache_class(alias: str) -> str:
    """Return the class name of a cache's backend, or an empty string for a build placeholder."""
    backend = settings.CACHES.get(alias, {}).get("BACKEND", "")
    return "" if backend == PLACEHOLDER_CACHE else str(backend).rpartition(".")[2]


def _mailers() -> list[tuple[str, str, dict[str, object]]]:
    """Return the setting, backend and options of each mailer, except for build placeholders."""
    return [row for row in _all_mailers() if row[1] != PLACEHOLDER_MAIL]


def _all_mailers() -> list[tuple[str, str, dict[str, object]]]:
    mailers = getattr(settings, "MAILERS", None)  # since Django 6.1
    if mailers and is_overridden("MAILERS"):
        return [
            (f"MAILERS[{name!r}]", _text(entry.get("BACKEND", "")), dict(entry.get("OPTIONS", {})))
            for name, entry in mailers.items()
        ]
    if not hasattr(settings, "EMAIL_BACKEND"):
        return []
    with warnings.catch_warnings():  # Django 6.1 deprecates these settings
        warnings.simplefilter("ignore")
        names = ("host", "port", "use_tls", "use_ssl", "timeout")
        options = {name: getattr(settings, f"EMAIL_{name.upper()}") for name in names}
        return [("EMAIL_BACKEND", _text(settings.EMAIL_BACKEND), options)]


def _text(backend: object) -> str:
    return backend if isinstance(backend, str) else str(backend)


def _sends_mail() -> bool:
    """Whether the project sets up email. E701 reports backends that deliver nothing."""
    rows = _all_mailers()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if is_overridden("MAILERS", "EMAIL_BACKEND") and rows:
            return any(not _delivers_nothing(backend) for _, backend, _ in rows)
        names = ("EMAIL_HOST", "ADMINS", "MANAGERS")
        return any(is_overridden(name) and getattr(settings, name, None) for name in names)


@check("W501")
def cache_of_one_process(subject: Subject) -> Iterator[Finding]:
    """The default cache is not shared between workers.

    Rate limits, locks and invalidation then work only within one worker.
    """
    if is_overridden("CACHES") and _cache_class("default") in _LOCAL_CACHES:
        yield Finding(
            f"CACHES['default'] is {_cache_class('default')}, which workers do not share",
            'Use Redis, Memcached or the database: config.cache("CACHE_URL").',
            "CACHES",
        )


@check("E502")
def sessions_of_one_process(subject: Subject) -> Iterator[Finding]:
    """Sessions are kept in a cache that workers do not share.

    Visitors are logged in only when the same worker handles their request.
    """
    engine = str(settings.SESSION_ENGINE)
    alias = settings.SESSION_CACHE_ALIAS
    if engine.endswith(".cache") and _cache_class(alias) in _LOCAL_CACHES:
        yield Finding(
            f"SESSION_ENGINE keeps sessions in CACHES[{alias!r}], which is {_cache_class(alias)}",
            "Use cached_db, or a cache that workers share.",
            "SESSION_ENGINE",
        )


@check("W503")
def shared_cache_without_prefix(subject: Subject) -> Iterator[Finding]:
    """A Redis database is used for several things, or may be used by several sites.

    Their keys collide, and clear() empties the whole Redis database, including a broker's queue.
    """
    users: dict[str, list[tuple[str, bool]]] = {}
    for alias, entry in settings.CACHES.items():
        prefixed = bool(entry.get("KEY_PREFIX") or entry.get("KEY_FUNCTION"))
        location = entry.get("LOCATION", "")
        for one in location if isinstance(location, (list, tuple)) else [location]:
            if place := _redis_place(str(one)):
                users.setdefault(place, []).append((f"CACHES[{alias!r}]", prefixed))
    for name in ("CELERY_BROKER_URL", "BROKER_URL"):
        place = _redis_place(str(getattr(settings, name, "")))
        if place in users:
            users[place].append((name, False))
    for place, rows in users.items():
        names = " and ".join(name for name, _ in rows)
        distinct = len(rows) == 1 or all(prefixed for _, prefixed in rows)
        alone = all(_host_of(one) != _host_of(place) for one in users if one != place)
        shared = alone and _is_default_database(place) and not rows[0][1]
        if not distinct or (len(rows) == 1 and shared):
            why = "use one Redis database" if len(rows) > 1 else "may share a Redis database"
            yield Finding(
                f"{names} {why} without a KEY_PREFIX",
                "Give each its own number at the end of the URL, or each cache its KEY_PREFIX.",
                "CACHES",
            )


def _split(url: str) -> SplitResult:
    """Return the parts of a URL; they are empty if it is malformed."""
    return standard_parts(url) or urlsplit("")


def _redis_place(url: str) -> str:
    """Return the host, port and number of a Redis database, or an empty string.

    >>> _redis_place("redis://:pw@cache.example.com/1")
    'cache.example.com:6379/1'
    """
    parts = _split(url)
    if parts.scheme not in ("redis", "rediss") or not parts.hostname:
        return ""
    return f"{parts.hostname}:{parts.port or 6379}/{parts.path.strip('/') or '0'}"


def _host_of(place: str) -> str:
    return place.rpartition("/")[0]


def _is_default_database(place: str) -> bool:
    """Whether it is number 0 of another machine, the default."""
    host = place.partition(":")[0]
    return place.endswith("/0") and host not in ("localhost", "127.0.0.1") and "." in host


@check("W506")
def cache_without_password(subject: Subject) -> Iterator[Finding]:
    """A cache on a public host has no password.

    Anyone who can reach it can read and write sessions, and Django unpickles cached values.
    """
    for alias, entry in settings.CACHES.items():
        location = entry.get("LOCATION", "")
        for one in location if isinstance(location, (list, tuple)) else [location]:
            parts = _split(str(one))
            host = parts.hostname or ""
            public = "." in host and not is_private_host(host)
            if parts.scheme in ("redis", "rediss") and public and not parts.password:
                yield Finding(
                    f"CACHES[{alias!r}]: Redis on {host} without a password",
                    "Set a password, and use rediss://.",
                    "CACHES",
                )


@check("E507")
def tasks_in_requests(subject: Subject) -> Iterator[Finding]:
    """Background tasks run during the request, or never.

    Pages wait for mail servers; with the dummy backend, tasks are dropped.
    """
    for alias, entry in getattr(settings, "TASKS", {}).items():
        backend = str(entry.get("BACKEND", "")).rpartition(".")[2]
        if is_overridden("TASKS") and backend in ("ImmediateBackend", "DummyBackend"):
            yield Finding(
                f"TASKS[{alias!r}] is {backend}, which does not run tasks in the background",
                "Use a backend that has workers of its own.",
                "TASKS",
            )
    for name in ("CELERY_TASK_ALWAYS_EAGER", "CELERY_ALWAYS_EAGER", "task_always_eager"):
        if getattr(settings, name, False):
            yield Finding(f"{name} is on: Celery runs tasks during the request", "Remove it.", name)


@check("E701")
def undelivered_mail(subject: Subject) -> Iterator[Finding]:
    """Email goes to the console, a file or memory.

    Password resets reach nobody.
    """
    for name, backend, _ in _mailers():
        if _delivers_nothing(backend):
            yield Finding(
                f"{name} delivers no mail ({_kind(backend)})",
                "Write globals().update(config.email()), and set EMAIL_URL to "
                "submission://user:password@host:587.",
                name.partition("[")[0],
            )


def _kind(backend: str) -> str:
    return backend.split(".")[-2] if backend.count(".") > 1 else backend


def _delivers_nothing(backend: str) -> bool:
    return _kind(backend) in _NO_DELIVERY and (backend.startswith("django.") or "." not in backend)


@check("W702")
def mail_from_localhost(subject: Subject) -> Iterator[Finding]:
    """Email is sent from an address at localhost.

    Mail servers reject it.
    """
    if not _sends_mail():
        return
    for name in ("DEFAULT_FROM_EMAIL", "SERVER_EMAIL"):
        if name == "SERVER_EMAIL" and not (settings.ADMINS or settings.MANAGERS):
            continue  # only mail to them comes from it
        address = str(getattr(settings, name))  # it may be lazy
        if re.search(r"@localhost\b", address):
            yield Finding(
                f"{name} is {address}, which mail servers reject",
                f"Set {name} to an address of the site.",
                name,
            )


@check("W703")
def mail_without_timeout(subject: Subject) -> Iterator[Finding]:
    """Connections to the mail server have no timeout.

    If the mail server hangs, so do all workers.
    """
    if not _sends_mail():
        return
    for name, backend, options in _mailers():
        if "smtp" in backend and not options.get("timeout"):
            yield Finding(
                f"{name}: no timeout for the mail server",
                "Set EMAIL_TIMEOUT = 10 (in MAILERS: the option timeout).",
                name.partition("[")[0],
            )


@check("E704")
def mail_encryption(subject: Subject) -> Iterator[Finding]:
    """The TLS settings for email contradict each other or the port.

    Port 465 uses TLS from the start (SSL), port 587 switches to TLS later (STARTTLS).
    """
    for name, backend, options in _mailers():
        if "smtp" not in backend:
            continue
        tls, ssl, port = (options.get(key) for key in ("use_tls", "use_ssl", "port"))
        setting = name.partition("[")[0]
        if tls and ssl:
            yield Finding(
                f"{name}: TLS and SSL cannot be used together",
                "Use TLS with port 587, SSL with port 465.",
                setting,
            )
        elif port == 465 and not ssl:
            yield Finding(f"{name}: port 465 requires SSL", "Set EMAIL_USE_SSL = True.", setting)
        elif port == 587 and ssl:
            yield Finding(
                f"{name}: port 587 requires TLS, not SSL", "Set EMAIL_USE_TLS = True.", setting
            )


@check("E713")
def malformed_admins(subject: Subject) -> Iterator[Finding]:
    """ADMINS or MANAGERS has an entry of a form that this Django does not accept.

    Before Django 6.0, an entry is a pair of a name and an address. With any other entry, sending the
    mail about an error raises another error, and neither is reported.
    """
    for name in ("ADMINS", "MANAGERS"):
        for entry in getattr(settings, name, None) or []:
            pair = isinstance(entry, (list, tuple)) and len(entry) == 2
            if not pair and not (isinstance(entry, str) and django.VERSION >= (6, 0)):
                yield Finding(
                    f"{name} has an entry that is not a pair of a name and an address",
                    f'Write {name} = [("Name", "name@example.com")].',
                    name,
                )


@check("E705")
def missing_driver(subject: Subject) -> Iterator[Finding]:
    """A backend requires a package that is not installed.

    The site starts, but its first connection fails.
    """
    wanted: list[tuple[str, str, tuple[str, ...]]] = []
    for alias, entry in settings.DATABASES.items():
        engine = str(entry.get("ENGINE", "")).rpartition(".")[2]
        wanted.append(("DATABASES", alias, _DATABASE_PACKAGES.get(engine, ())))
    for alias in settings.CACHES:
        wanted.append(("CACHES", alias, _CACHE_PACKAGES.get(_cache_class(alias), ())))
    for setting, alias, packages in wanted:
        if packages and not any(module_exists(name) for name in packages):
            yield Finding(
                f"{setting}[{alias!r}] requires {packages[0]}, which is not installed",
                f"Add {packages[0]} to the dependencies of the project, and lock them.",
                setting,
            )
