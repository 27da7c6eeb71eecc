"""URLs of databases, caches and mail servers as entries of Django's settings (pure).

:class:`ValueError` says what was expected. It never contains the URL, which may have a password.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

import django

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
# An entry of Django's settings. Its possible keys depend on the backend.
Entry = dict[str, Any]
_MISTAKE = object()


class StandInBackend(str):
    """The placeholder backend of a required service while building, not one the project chose."""

    __slots__ = ()


# Keys of a DATABASES entry that are not in OPTIONS, with the functions that read them.
_BESIDE: dict[str, Callable[[str], object]] = {
    "conn_max_age": lambda text: None if text.lower() == "none" else int(text),
    "conn_health_checks": readers.read_bool,
    "atomic_requests": readers.read_bool,
    "autocommit": readers.read_bool,
    "disable_server_side_cursors": readers.read_bool,
    "time_zone": lambda text: text,
}


def database(url: str) -> Entry:
    """Return an entry of DATABASES for ``postgres://user:password@host:port/name?sslmode=require``.

    A password may contain ``#``, ``@`` and ``/``. ``sqlite:////var/lib/shop/db.sqlite3`` is a file,
    configured for several workers. The query's pairs become OPTIONS, except for keys that Django
    expects outside of OPTIONS, such as ``conn_max_age`` and ``atomic_requests``.
    """
    parts = _split(url, ENGINES, "postgres://user:password@host:port/name or sqlite:////path")
    engine, options = ENGINES[parts.scheme], dict(parts.options)
    entry: Entry = {"ENGINE": engine}
    defaults: Entry = {}
    if engine.endswith(("sqlite3", "spatialite")):
        entry["NAME"] = _file(parts, "sqlite:////var/lib/shop/db.sqlite3")
        defaults = {} if entry["NAME"] == ":memory:" else _for_workers(django.VERSION)
    else:
        name = unquote(parts.path.lstrip("/"))
        if not name:
            raise ValueError("expected the database's name after the host")
        entry.update(NAME=name, USER=parts.user, PASSWORD=parts.password)
        entry.update(HOST=options.pop("host", parts.host), PORT=str(parts.port or ""))
        entry.update(CONN_MAX_AGE=60, CONN_HEALTH_CHECKS=True)
    entry.update(_beside(options))
    found = {**defaults, **{key: _plain(value) for key, value in options.items()}}
    if found:
        entry["OPTIONS"] = found
    return entry


def _for_workers(version: tuple[object, ...]) -> Entry:
    """Return OPTIONS with which several workers can write to one SQLite file."""
    if version < (5, 1):  # supports none of the other options
        return {"timeout": 20}
    return {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL",
    }


def _beside(options: dict[str, str]) -> Entry:
    """Remove the keys that do not belong in OPTIONS from a query, and return them."""
    found = {}
    for key, read in _BESIDE.items():
        if key not in options:
            continue
        try:
            found[key.upper()] = read(options.pop(key))
        except ValueError:
            found[key.upper()] = _MISTAKE
    wrong = [key.lower() for key, value in found.items() if value is _MISTAKE]
    if wrong:
        raise ValueError(f"the query's {', '.join(wrong)} has an invalid value")
    return found


def cache(url: str) -> Entry:
    """Return an entry of CACHES for ``redis://:password@host:6379/1?key_prefix=shop``."""
    if url.strip().startswith("memcached://"):
        return _memcached(url.strip())
    parts = _split(url, CACHES, "redis://host:6379/1, memcached://host:11211 or file:///path")
    entry: Entry = {"BACKEND": CACHES[parts.scheme]}
    if parts.scheme in ("redis", "rediss", "unix"):
        entry["LOCATION"] = _redis(parts)
    else:
        location = unquote(parts.place + parts.path)
        if parts.scheme == "file" and not location.startswith("/"):
            raise ValueError("expected an absolute path: file:///var/cache/shop")
        if location:
            entry["LOCATION"] = location.strip("/") if parts.scheme == "db" else location
    return _with_options(entry, dict(parts.options))


def _redis(parts: _Parts) -> Secret:
    """Return the URL for redis-py, with the login quoted."""
    if parts.scheme != "unix" and not parts.host:
        raise ValueError("expected the server's host after the scheme: redis://host:6379/1")
    login = ":".join(quote(unquote(part), safe="") for part in parts.login.split(":", 1))
    return Secret(f"{parts.scheme}://{login}{'@' if login else ''}{parts.place}{parts.path}")


def _memcached(url: str) -> Entry:
    """Return an entry for servers, ``memcached://a:11211,b:11211``, or for a socket's path."""
    place, _, query = url.partition("://")[2].partition("?")
    servers = [f"unix:{place}"] if place.startswith("/") else place.split(",")
    if not all(re.fullmatch(r"unix:/.+|[^\s:/]+:\d+", server) for server in servers):
        raise ValueError("expected servers as memcached://host:11211,other:11211")
    location = servers if len(servers) > 1 else servers[0]
    entry = {"BACKEND": CACHES["memcached"], "LOCATION": location}
    return _with_options(entry, _pairs(query))


def _with_options(entry: Entry, options: dict[str, str]) -> Entry:
    """Return a cache's entry with the pairs of a query added."""
    for key in ("key_prefix", "timeout", "version", "key_function"):
        if key in options:
            entry[key.upper()] = _plain(options.pop(key))
    if options:
        entry["OPTIONS"] = {key: _plain(value) for key, value in options.items()}
    return entry


def email(url: str) -> Entry:
    """Return EMAIL_* settings for ``submission://user:password@mail.example.com:587?timeout=10``.

    ``smtp`` does not use TLS (default port 25), ``submission`` uses STARTTLS (587), and ``smtps``
    uses TLS from the start (465).
    """
    parts = _split(url, MAILERS, "submission://user:password@host:587, smtps://… or console://")
    found: Entry = {"EMAIL_BACKEND": MAILERS[parts.scheme]}
    if parts.scheme == "file":
        found["EMAIL_FILE_PATH"] = _file(parts, "file:///var/lib/shop/mail")
    if not found["EMAIL_BACKEND"].endswith("smtp.EmailBackend"):
        return found
    ports = {"smtp": 25, "submission": 587, "smtps": 465}
    if not parts.host:
        raise ValueError("expected the mail server's host after the scheme")
    unknown = sorted(set(parts.options) - {"timeout"})
    if unknown:
        raise ValueError(f"the query has {', '.join(unknown)}; only timeout is known")
    timeout = parts.options.get("timeout", "10")
    if not timeout.isdigit():
        raise ValueError("the query's timeout is not a number of seconds")
    found.update(
        EMAIL_HOST=parts.host,
        EMAIL_PORT=parts.port or ports[parts.scheme],
        EMAIL_HOST_USER=parts.user,
        EMAIL_HOST_PASSWORD=parts.password,
        EMAIL_USE_TLS=parts.scheme == "submission",
        EMAIL_USE_SSL=parts.scheme == "smtps",
        EMAIL_TIMEOUT=int(timeout),
    )
    return found


def mailers(url: str) -> Entry:
    """Return MAILERS, for Django 6.1 and later, from a URL as for :func:`email`."""
    old = email(url)
    entry: Entry = {"BACKEND": old.pop("EMAIL_BACKEND")}
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


@dataclass(frozen=True)
class _Parts:
    """The parts of a URL. ``login`` and ``host`` are unchanged, ``path`` has its slash."""

    scheme: str
    login: str = field(repr=False)
    host: str
    port: int | None
    path: str
    options: dict[str, str] = field(repr=False)

    @property
    def user(self) -> str:
        return unquote(self.login.partition(":")[0])

    @property
    def password(self) -> Secret:
        return Secret(unquote(self.login.partition(":")[2]))

    @property
    def place(self) -> str:
        """Host and port, as in a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" if self.port else host


def _split(url: str, schemes: dict[str, str], form: str) -> _Parts:
    """Return the parts of a URL. Its password may contain ``#``, ``/``, ``?`` and ``@``."""
    scheme, found, rest = url.strip().partition("://")
    scheme = scheme.lower()
    if not found or scheme not in schemes:
        raise ValueError(f"expected a URL as {form}; schemes: {', '.join(sorted(schemes))}")
    login, place, path, query = _file_only(rest) if scheme in _FILES else _authority(rest)
    match = _PLACE.fullmatch(place)
    port = int(match["port"]) if match and match["port"] else None
    if match is None or (port or 0) > 65535:
        raise ValueError(f"expected a URL as {form}; the port or host cannot be read")
    host = unquote(match["host"].strip("[]"))
    if "/" not in host:  # a socket's folder keeps its capital letters
        host = host.lower()
    return _Parts(scheme, login, host, port, path, _pairs(query))


_FILES = ("sqlite", "sqlite3", "spatialite", "file")
_PLACE = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\[\]:@\s]*)(:(?P<port>\d*))?")
_AUTHORITY = re.compile(
    r"(?:(?P<login>[^/?]*)@)?(?P<place>[^/?@]*)(?P<path>/[^?]*)?(\?(?P<query>.*))?", re.DOTALL
)


def _authority(rest: str) -> tuple[str, str, str, str]:
    """Return login, place, path and query of the text after ``://``.

    If there is an ``@`` in the path, or in a query that is not a list of pairs, it belongs to a
    password that contains ``/`` or ``?``. The login then ends at the last ``@`` before a host.
    """
    match = _AUTHORITY.fullmatch(rest)
    path, query = (match["path"] or "", match["query"] or "") if match else ("", "")
    pairs = all("=" in pair for pair in query.split("&")) if query else True
    if (
        match
        and "@" not in path
        and ("@" not in query or pairs)
        and _PLACE.fullmatch(match["place"])
    ):
        return match["login"] or "", match["place"], path, query
    pieces = rest.split("@")
    ways = [("@".join(pieces[:n]), "@".join(pieces[n:])) for n in range(len(pieces) - 1, 0, -1)]
    for login, behind in ways:
        match = _AUTHORITY.fullmatch(behind)
        if not match or not match["path"] or "@" in match["path"]:
            continue
        if _PLACE.fullmatch(match["place"]):
            return login, match["place"], match["path"], match["query"] or ""
    login, behind = ways[0] if ways else ("", rest)
    place, _, query = behind.partition("?")
    return login, place, "", query


def _file_only(rest: str) -> tuple[str, str, str, str]:
    """Return the same parts of a file's URL. Its folders may contain ``@`` and ``#``."""
    path, _, query = rest.partition("?")
    return "", "", path, query


def _pairs(query: str) -> dict[str, str]:
    """Return a query's pairs. Raise :class:`ValueError` if one has no value."""
    pairs = query.split("&") if query else []
    if not all("=" in pair for pair in pairs):
        raise ValueError("expected name=value pairs after the question mark")
    return dict(parse_qsl(query, keep_blank_values=True))


def _file(parts: _Parts, form: str) -> str:
    """Return the path of a file URL. SQLite's URL has one more slash, as in SQLAlchemy."""
    path = unquote(parts.host + parts.path)
    if parts.scheme != "file":
        path = path.removeprefix("/")
        if path == ":memory:":
            return path
    if not path.startswith("/"):
        raise ValueError(f"expected an absolute path: {form}")
    return path


def _plain(text: str) -> int | bool | str:
    """Return a query's value, as an integer or a boolean if it looks like one."""
    if text.isdigit():
        return int(text)
    return {"true": True, "false": False}.get(text.lower(), text)
