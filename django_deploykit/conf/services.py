"""URLs of databases, caches and mail servers as entries of Django's settings (pure).

:class:`ValueError` says what was expected. It never contains the URL, which may have a password.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import unquote

import django

from django_deploykit.conf import readers
from django_deploykit.conf.readers import Entry
from django_deploykit.conf.schemes import CACHES, DATABASES, MAILERS, REDIS
from django_deploykit.conf.secret import Secret
from django_deploykit.conf.urls import FILES, Parts, split, typed

# What required services are while building. They refuse to do anything, and only we use them.
PLACEHOLDER_DATABASE = "django_deploykit.conf.dummy"
PLACEHOLDER_CACHE = "django_deploykit.conf.dummy.cache.PlaceholderCache"
PLACEHOLDER_MAIL = "django_deploykit.conf.dummy.mail.EmailBackend"
KEEP = 60  # seconds that connections are kept, except under ASGI, where each would leak
_SQLITE_FORM = "sqlite:////var/lib/shop/db.sqlite3"
_MISTAKE = object()


def _seconds(text: str) -> int | None:
    return None if text.lower() == "none" else int(text)


# Keys of a DATABASES entry that are not in OPTIONS, with the functions that read them.
_BESIDE: dict[str, Callable[[str], object]] = {
    "conn_max_age": _seconds,
    "conn_health_checks": readers.read_bool,
    "atomic_requests": readers.read_bool,
    "autocommit": readers.read_bool,
    "disable_server_side_cursors": readers.read_bool,
    "time_zone": str,
}


def database(url: str, folder: Path | None = None, keep: int = KEEP) -> Entry:
    """Return an entry of DATABASES for ``postgres://user:password@host:port/name?sslmode=require``.

    A password may contain ``#``, ``@`` and ``/``. ``sqlite:////var/lib/shop/db.sqlite3`` is a file,
    configured for several workers; a relative path starts at ``folder``. The query's pairs become
    OPTIONS, except for keys that Django expects outside of OPTIONS, such as ``conn_max_age`` and
    ``atomic_requests``. Connections are kept for ``keep`` seconds.
    """
    form = f"postgres://user:password@host:port/name or {_SQLITE_FORM}"
    parts = split(url, DATABASES, form, _POSTGRESQL)
    options = dict(parts.options)
    entry: Entry = {"ENGINE": DATABASES[parts.scheme]}
    defaults: Entry = {}
    if parts.scheme in FILES:
        entry["NAME"] = _sqlite(parts, folder)
        defaults = {} if entry["NAME"] == ":memory:" else _for_workers(django.VERSION)
    else:
        entry.update(_server(parts, options))
        entry.update(CONN_MAX_AGE=keep, CONN_HEALTH_CHECKS=True)
    entry.update(_beside(options, _BESIDE))
    found = {**defaults, **_database_options(parts.scheme, options)}
    if found.get("pool"):
        if "conn_max_age" in {name.lower() for name in parts.options}:
            raise ValueError("the query has pool and conn_max_age; expected only one of them")
        entry["CONN_MAX_AGE"] = 0  # Django refuses to keep connections beside a pool
    if found:
        entry["OPTIONS"] = found
    return entry


_POSTGRESQL = frozenset(
    [
        "postgres",
        "postgresql",
        "pgsql",
        "psql",
        "postgis",
        "timescale",
        "timescalegis",
        "redshift",
        "cockroach",
        "cockroachdb",
        "prometheus_postgresql",
        "prometheus_postgis",
    ]
)
_MYSQL = frozenset(
    ["mysql", "mysql2", "mariadb", "mysqlgis", "mysql-connector", "prometheus_mysql"]
)


def _server(parts: Parts, options: dict[str, str]) -> Entry:
    """Return the database's name, the login, and the host, which may be a socket's folder."""
    host = ",".join(host for host, _ in parts.places)
    ports = [str(port or "") for _, port in parts.places]
    name = unquote(parts.path.removeprefix("/"))
    if name.startswith("/"):
        if host:
            raise ValueError("expected one slash between the host and the database's name")
        host, _, name = name.rpartition("/")
    if parts.scheme.startswith("oracle") and not name:
        host, name = "", host  # a name of tnsnames.ora
    if not name:
        raise ValueError("expected the database's name after the host")
    return {
        "NAME": name,
        "USER": parts.user,
        "PASSWORD": parts.password,
        "HOST": options.pop("host", host),
        "PORT": ",".join(ports) if any(ports) else "",
    }


def _database_options(scheme: str, options: dict[str, str]) -> Entry:
    """Return OPTIONS. Two have another form in URLs of other tools: a schema, a CA's file."""
    schema = options.pop("currentSchema", "") if scheme in _POSTGRESQL else ""
    authority = options.pop("ssl-ca", "") if scheme in _MYSQL else ""
    if schema:
        path = f"-c search_path={schema}"
        options["options"] = f"{options['options']} {path}" if options.get("options") else path
    found: Entry = {name: typed(name, text) for name, text in options.items()}
    if authority:
        if "ssl" in found:
            raise ValueError("the query has ssl and ssl-ca; expected only one of them")
        found["ssl"] = {"ca": authority}
    if scheme in _MYSQL and "ssl-mode" in found:
        found["ssl_mode"] = found.pop("ssl-mode")
    return found


def _sqlite(parts: Parts, folder: Path | None) -> str | Path:
    """Return the path of a file, or ``:memory:``; a relative path is a Path below ``folder``."""
    path = unquote(parts.path)
    if path in ("", "/", ":memory:", "/:memory:"):
        return ":memory:"
    name = path.removeprefix("/")
    if not path.startswith("/") or not (name.startswith("/") or folder):
        raise ValueError(f"expected an absolute path: {_SQLITE_FORM}")
    return name if folder is None or name.startswith("/") else folder / name


def relative_problem(entry: Entry) -> str:
    """Return what is wrong with an entry of DATABASES that has a relative path, or ""."""
    if isinstance(entry.get("NAME"), Path):
        return f"expected an absolute path: {_SQLITE_FORM}; relative ones only work with DEBUG on"
    return ""


def _for_workers(version: tuple[object, ...]) -> Entry:
    """Return OPTIONS with which several workers can write to one SQLite file."""
    if version < (5, 1):  # supports none of the other options
        return {"timeout": 20}
    return {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL",
    }


def _beside(options: dict[str, str], readers_of: Mapping[str, Callable[[str], object]]) -> Entry:
    """Remove the keys that do not belong in OPTIONS from a query, and return them."""
    found = {}
    for name in [one for one in options if one.lower() in readers_of]:
        try:
            found[name.upper()] = readers_of[name.lower()](options.pop(name))
        except ValueError:
            found[name.upper()] = _MISTAKE
    wrong = [key.lower() for key, value in found.items() if value is _MISTAKE]
    if wrong:
        raise ValueError(f"the query's {', '.join(wrong)} has an invalid value")
    return found


def cache(url: str) -> Entry:
    """Return an entry of CACHES for ``redis://:password@host:6379/1?key_prefix=shop``."""
    form = "redis://host:6379/1, memcached://host:11211 or file:///path"
    parts = split(url, CACHES, form, (*REDIS, *_MEMCACHED))
    entry: Entry = {"BACKEND": CACHES[parts.scheme]}
    options = dict(parts.options)
    if parts.scheme in REDIS:
        entry["LOCATION"] = _redis(parts)
        options = {name.lower(): value for name, value in options.items()}
    elif parts.scheme in _MEMCACHED:
        entry["LOCATION"] = _memcached(parts)
    elif location := unquote(parts.netlocs[0] + parts.path):
        if parts.scheme in FILES and not location.startswith("/"):
            raise ValueError("expected an absolute path: file:///var/cache/shop")
        entry["LOCATION"] = location if parts.scheme in FILES else location.strip("/")
    elif parts.scheme in FILES:
        raise ValueError("expected an absolute path: file:///var/cache/shop")
    return _with_options(entry, options)


_MEMCACHED = ("memcached", "memcache", "pymemcache", "pylibmc")


def _redis(parts: Parts) -> Secret | list[Secret]:
    """Return the URL for redis-py, with the login quoted, or one URL for each of the servers."""
    scheme = REDIS[parts.scheme]
    if parts.scheme == "rediscache" and not parts.host:
        scheme = "unix"
    if scheme != "unix" and not all(host for host, _ in parts.places):
        raise ValueError("expected the server's host after the scheme: redis://host:6379/1")
    start = f"{scheme}://{parts.quoted_login}"
    found = [Secret(f"{start}{netloc}{parts.path}") for netloc in parts.netlocs]
    return found if len(found) > 1 else found[0]


def _memcached(parts: Parts) -> str | list[str]:
    """Return the servers, or a socket's path."""
    path = unquote(parts.path)
    if not parts.host and path.strip("/"):
        return f"unix:{path}"
    if path.strip("/") or not all(host and port for host, port in parts.places):
        raise ValueError("expected servers such as memcached://host:11211,other:11211")
    return parts.netlocs if len(parts.netlocs) > 1 else parts.netlocs[0]


def _number(text: str) -> int | float | None:
    if text.lower() == "none":
        return None
    return float(text) if "." in text else int(text)


_CACHE_KEYS: dict[str, Callable[[str], object]] = {
    "key_prefix": str,
    "key_function": str,
    "timeout": _number,
    "version": int,
}


def _with_options(entry: Entry, options: dict[str, str]) -> Entry:
    """Return a cache's entry with the pairs of a query added."""
    entry.update(_beside(options, _CACHE_KEYS))
    found = {
        name.upper() if name.lower() in _DJANGOS else name: typed(name, text)
        for name, text in options.items()
    }
    if found:
        entry["OPTIONS"] = found
    return entry


_DJANGOS = ("max_entries", "cull_frequency")  # OPTIONS that Django itself reads, in upper case


def email(url: str) -> Entry:
    """Return EMAIL_* settings for ``submission://user:password@mail.example.com:587?timeout=10``.

    ``smtp`` does not use TLS (default port 25), ``submission`` uses STARTTLS (587), and ``smtps``
    uses TLS from the start (465). ``smtp+tls`` and ``smtp+ssl`` are the names that django-environ
    has for the last two. ``tls=true`` or ``ssl=true`` in the query chooses STARTTLS or TLS, too.
    """
    parts = split(url, MAILERS, "submission://user:password@host:587, smtps://… or console://")
    found: Entry = {"EMAIL_BACKEND": MAILERS[parts.scheme]}
    if parts.scheme in FILES:
        found["EMAIL_FILE_PATH"] = _mail_folder(parts)
    if not found["EMAIL_BACKEND"].endswith("smtp.EmailBackend"):
        return found
    if not parts.host:
        raise ValueError("expected the mail server's host after the scheme")
    options = {_MAIL_KEYS.get(name.lower(), name): text for name, text in parts.options.items()}
    unknown = sorted(set(options) - {"timeout", "tls", "ssl"})
    if unknown:
        raise ValueError(f"the query has {', '.join(unknown)}; known are timeout, tls and ssl")
    timeout = options.get("timeout", "10")
    if not re.fullmatch(r"[0-9]{1,9}", timeout):
        raise ValueError("the query's timeout is not a number of seconds")
    security = _security(parts, options)
    found.update(
        EMAIL_HOST=parts.host,
        EMAIL_PORT=parts.port or _MAIL_PORTS[parts.scheme],
        EMAIL_HOST_USER=parts.user,
        EMAIL_HOST_PASSWORD=parts.password,
        EMAIL_USE_TLS=security == "tls",
        EMAIL_USE_SSL=security == "ssl",
        EMAIL_TIMEOUT=int(timeout),
    )
    return found


_MAIL_KEYS = {"email_use_tls": "tls", "email_use_ssl": "ssl", "email_timeout": "timeout"}
_MAIL_PORTS = {"smtp": 25, "submission": 587, "submit": 587, "smtp+tls": 587}
_MAIL_PORTS.update({"smtps": 465, "smtp+ssl": 465})
_STARTTLS_PORTS, _TLS_PORTS = (25, 587, 2525, 2587), (465, 2465)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def _security(parts: Parts, options: dict[str, str]) -> str:
    """Return ``tls`` for STARTTLS, ``ssl`` for TLS from the start, or an empty string for neither.

    Raise :class:`ValueError` for a password that would be sent unencrypted, and for a port that
    is known for the other way, on which the connection would hang.
    """
    try:
        asked = {
            name: readers.read_bool(options[name]) for name in ("tls", "ssl") if name in options
        }
    except ValueError:
        asked = None
    if asked is None:
        raise ValueError("the query's tls and ssl are true or false")
    if all(asked.get(name) for name in ("tls", "ssl")):
        raise ValueError("the query has tls and ssl; expected only one of them")
    security = {25: "", 587: "tls", 465: "ssl"}[_MAIL_PORTS[parts.scheme]]
    for name, wanted in asked.items():
        if wanted:
            security = name
        elif security == name:
            raise ValueError(f"the query's {name} is false; write smtp:// for no encryption")
    if security == "ssl" and parts.port in _STARTTLS_PORTS:
        raise ValueError(
            f"port {parts.port} is for STARTTLS, and {parts.scheme} starts with TLS: write "
            f"submission://…:{parts.port} for STARTTLS, or smtps://…:465"
        )
    if security != "ssl" and parts.port in _TLS_PORTS:
        raise ValueError(f"port {parts.port} starts with TLS: write smtps://…:{parts.port}")
    if not security and parts.password and not asked and parts.host not in _LOOPBACK:
        raise ValueError(
            "smtp does not encrypt the password: write submission:// (STARTTLS, port 587) or "
            "smtps:// (TLS, port 465), or add ?tls=false if that is what you want"
        )
    return security


def _mail_folder(parts: Parts) -> str:
    path = unquote(parts.path)
    if not path.startswith("/"):
        raise ValueError("expected an absolute path: file:///var/lib/shop/mail")
    return path


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
