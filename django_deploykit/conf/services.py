"""URLs of services as Django's settings want them (pure): databases, caches, mail.

:class:`ValueError` says what was expected, never the URL: it may hold a password.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from django_deploykit.conf import readers
from django_deploykit.conf.secret import Secret

ENGINES = {
    "postgres": "django.db.backends.postgresql",
    "postgresql": "django.db.backends.postgresql",
    "pgsql": "django.db.backends.postgresql",
    "postgis": "django.contrib.gis.db.backends.postgis",
    "mysql": "django.db.backends.mysql",
    "mariadb": "django.db.backends.mysql",
    "oracle": "django.db.backends.oracle",
    "sqlite": "django.db.backends.sqlite3",
    "sqlite3": "django.db.backends.sqlite3",
    "spatialite": "django.contrib.gis.db.backends.spatialite",
}
CACHES = {
    "redis": "django.core.cache.backends.redis.RedisCache",
    "rediss": "django.core.cache.backends.redis.RedisCache",
    "unix": "django.core.cache.backends.redis.RedisCache",
    "memcached": "django.core.cache.backends.memcached.PyMemcacheCache",
    "file": "django.core.cache.backends.filebased.FileBasedCache",
    "db": "django.core.cache.backends.db.DatabaseCache",
    "locmem": "django.core.cache.backends.locmem.LocMemCache",
    "dummy": "django.core.cache.backends.dummy.DummyCache",
}
MAILERS = {
    "smtp": "django.core.mail.backends.smtp.EmailBackend",
    "smtps": "django.core.mail.backends.smtp.EmailBackend",
    "submission": "django.core.mail.backends.smtp.EmailBackend",
    "console": "django.core.mail.backends.console.EmailBackend",
    "file": "django.core.mail.backends.filebased.EmailBackend",
    "locmem": "django.core.mail.backends.locmem.EmailBackend",
    "dummy": "django.core.mail.backends.dummy.EmailBackend",
}
# Options of DATABASES that stand beside OPTIONS, with how their text is read.
_BESIDE: dict[str, Callable[[str], Any]] = {
    "conn_max_age": lambda text: None if text.lower() == "none" else int(text),
    "conn_health_checks": readers.read_bool,
    "atomic_requests": readers.read_bool,
    "autocommit": readers.read_bool,
    "disable_server_side_cursors": readers.read_bool,
    "time_zone": lambda text: text,
}


def database(url: str) -> dict[str, Any]:
    """Return an entry of DATABASES for ``postgres://user:password@host:port/name?sslmode=require``.

    A password may hold ``#``, ``@`` and ``/`` as they are. ``sqlite:////var/lib/shop/db.sqlite3``
    is a file; a query's pairs become OPTIONS, but for ``conn_max_age``, ``conn_health_checks``,
    ``atomic_requests`` and their like.
    """
    parts = _split(url, ENGINES, "postgres://user:password@host:port/name or sqlite:////path")
    engine = ENGINES[parts.scheme]
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    entry: dict[str, Any] = {"ENGINE": engine}
    if engine.endswith(("sqlite3", "spatialite")):
        entry["NAME"] = _file(parts, "sqlite:////var/lib/shop/db.sqlite3")
    else:
        name = unquote(parts.path.lstrip("/"))
        if not name:
            raise ValueError("expected the database's name after the host")
        entry.update(NAME=name, USER=_user(parts), PASSWORD=_password(parts))
        host = unquote(parts.hostname or "")
        entry.update(HOST=options.pop("host", host), PORT=str(parts.port or ""))
        entry.update(CONN_MAX_AGE=60, CONN_HEALTH_CHECKS=True)
    for key, read in _BESIDE.items():
        if key in options:
            try:
                entry[key.upper()] = read(options.pop(key))
            except ValueError:
                raise ValueError(f"the query's {key} has a value that it cannot have") from None
    if options:
        entry["OPTIONS"] = {key: _plain(value) for key, value in options.items()}
    return entry


def cache(url: str) -> dict[str, Any]:
    """Return an entry of CACHES for ``redis://:password@host:6379/1?key_prefix=shop``."""
    if url.strip().startswith("memcached://"):
        return _memcached(url.strip())
    parts = _split(url, CACHES, "redis://host:6379/1, memcached://host:11211 or file:///path")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    entry: dict[str, Any] = {"BACKEND": CACHES[parts.scheme]}
    if parts.scheme in ("redis", "rediss", "unix"):
        entry["LOCATION"] = Secret(parts._replace(query="", fragment="").geturl())
    else:
        location = unquote(parts.netloc + parts.path)
        if parts.scheme == "file" and not location.startswith("/"):
            raise ValueError("expected an absolute path: file:///var/cache/shop")
        if location:
            entry["LOCATION"] = location.strip("/") if parts.scheme == "db" else location
    return _with_options(entry, options)


def _memcached(url: str) -> dict[str, Any]:
    """Return an entry for one or several servers: ``memcached://a:11211,b:11211``, or a socket's path."""
    place, _, query = url.partition("://")[2].partition("?")
    servers = [f"unix:{place}"] if place.startswith("/") else place.split(",")
    if not all(re.fullmatch(r"unix:/.+|[^\s:/]+:\d+", server) for server in servers):
        raise ValueError("expected servers as memcached://host:11211,other:11211")
    location = servers if len(servers) > 1 else servers[0]
    entry = {"BACKEND": CACHES["memcached"], "LOCATION": location}
    return _with_options(entry, dict(parse_qsl(query, keep_blank_values=True)))


def _with_options(entry: dict[str, Any], options: dict[str, str]) -> dict[str, Any]:
    """Return a cache's entry with a query's pairs in their places."""
    for key in ("key_prefix", "timeout", "version", "key_function"):
        if key in options:
            entry[key.upper()] = _plain(options.pop(key))
    if options:
        entry["OPTIONS"] = {key: _plain(value) for key, value in options.items()}
    return entry


def email(url: str) -> dict[str, Any]:
    """Return EMAIL_* settings for ``submission://user:password@mail.example.com:587?timeout=10``.

    ``smtp`` is plain (port 25), ``submission`` STARTTLS (587), ``smtps`` TLS (465).
    """
    parts = _split(url, MAILERS, "submission://user:password@host:587, smtps://… or console://")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    found: dict[str, Any] = {"EMAIL_BACKEND": MAILERS[parts.scheme]}
    if parts.scheme == "file":
        found["EMAIL_FILE_PATH"] = _file(parts, "file:///var/lib/shop/mail")
    if not found["EMAIL_BACKEND"].endswith("smtp.EmailBackend"):
        return found
    ports = {"smtp": 25, "submission": 587, "smtps": 465}
    if not parts.hostname:
        raise ValueError("expected the mail server's host after the scheme")
    try:
        timeout = int(options.get("timeout", "10"))
    except ValueError:
        raise ValueError("the query's timeout is no number of seconds") from None
    found.update(
        EMAIL_HOST=unquote(parts.hostname),
        EMAIL_PORT=parts.port or ports[parts.scheme],
        EMAIL_HOST_USER=_user(parts),
        EMAIL_HOST_PASSWORD=_password(parts),
        EMAIL_USE_TLS=parts.scheme == "submission",
        EMAIL_USE_SSL=parts.scheme == "smtps",
        EMAIL_TIMEOUT=timeout,
    )
    return found


def mailers(url: str) -> dict[str, Any]:
    """Return MAILERS for the same URL, as Django 6.1 and later want it."""
    old = email(url)
    entry: dict[str, Any] = {"BACKEND": old.pop("EMAIL_BACKEND")}
    names = {
        "EMAIL_HOST": "host",
        "EMAIL_PORT": "port",
        "EMAIL_HOST_USER": "username",
        "EMAIL_HOST_PASSWORD": "password",
        "EMAIL_USE_TLS": "use_tls",
        "EMAIL_USE_SSL": "use_ssl",
        "EMAIL_TIMEOUT": "timeout",
        "EMAIL_FILE_PATH": "file_path",
    }
    options = {names[key]: value for key, value in old.items()}
    return {"default": {**entry, **({"OPTIONS": options} if options else {})}}


def _split(url: str, schemes: dict[str, str], form: str) -> SplitResult:
    """Take a URL apart; what stands between the last ``@`` of the authority and ``://`` is quoted."""
    scheme, found, rest = url.strip().partition("://")
    if not found or scheme.lower() not in schemes:
        raise ValueError(f"expected a URL as {form}; schemes: {', '.join(sorted(schemes))}")
    login, at, place = rest.rpartition("@")
    if at:
        login = login.replace("/", "%2F").replace("#", "%23").replace("?", "%3F")
        login = login.replace("@", "%40").replace("[", "%5B").replace("]", "%5D")
    try:
        parts = urlsplit(f"{scheme.lower()}://{login}{at}{place}")
        _ = parts.port
    except ValueError:
        raise ValueError(f"expected a URL as {form}; the port or host cannot be read") from None
    return parts


def _file(parts: SplitResult, form: str) -> str:
    """Return the path of a file URL; SQLite's has a slash more, as everywhere since SQLAlchemy."""
    path = unquote(parts.netloc + parts.path)
    if parts.scheme != "file":
        path = path.removeprefix("/")
        if path == ":memory:":
            return path
    if not path.startswith("/"):
        raise ValueError(f"expected an absolute path: {form}")
    return path


def _user(parts: SplitResult) -> str:
    return unquote(parts.username or "")


def _password(parts: SplitResult) -> Secret:
    return Secret(unquote(parts.password or ""))


def _plain(text: str) -> Any:
    """Return a number or truth value where a query's value is one."""
    if text.isdigit():
        return int(text)
    return {"true": True, "false": False}.get(text.lower(), text)
