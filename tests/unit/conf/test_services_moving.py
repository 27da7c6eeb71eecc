"""URLs that other libraries read: each means the same here, or is refused with what to write.

The others read the URLs in these tests too, so that a release of theirs cannot drift away.
docs/reference/conf.md lists the differences.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from django_deploykit.conf import services
from django_deploykit.conf.readers import Entry

dj_database_url: Any = pytest.importorskip("dj_database_url")
dj_email_url: Any = pytest.importorskip("dj_email_url")
environ: Any = pytest.importorskip("environ")

OTHERS: dict[str, Callable[[str], Entry]] = {
    "dj-database-url": dj_database_url.parse,
    "django-environ": environ.Env.db_url_config,
}
BOTH = list(OTHERS)
DJ, ENV = [["dj-database-url"], ["django-environ"]]
HOST = "uf07k1:wegauwhg@ec2-107-21-253-135.compute-1.amazonaws.com"
DATABASES: list[tuple[str, list[str]]] = [
    *((f"{scheme}://{HOST}:5431/d8r82722", BOTH) for scheme in ("postgres", "postgresql", "pgsql")),
    *((f"{scheme}://{HOST}/d8r82722", BOTH) for scheme in ("postgis", "redshift", "mysqlgis")),
    *((f"{scheme}://{HOST}:1433/d", BOTH) for scheme in ("mysql2", "mysql-connector")),
    *((f"{scheme}://{HOST}:1433/d", DJ) for scheme in ("timescale", "timescalegis", "cockroach")),
    *((f"{scheme}://{HOST}:1433/d", DJ) for scheme in ("oraclegis", "mssqlms")),
    *((f"{scheme}://{HOST}:1433/d", ENV) for scheme in ("psql", "cockroachdb", "mssql", "pyodbc")),
    ("spatialite:////srv/shop/geo.sqlite", BOTH),
    ("postgres://ieRae:wegauwhg@[2001:db8:1234::1234:5678:90af]:5431/d8r82722", BOTH),
    ("postgres://%23user:%23password@host:5431/%23database", BOTH),
    ("postgres://user:p%40ss%2Fword@Host.Example.com/name", BOTH),
    ("postgres://%2Fvar%2Frun%2Fpostgresql/dbname", DJ),
    ("postgres://%2FUsers%2FRuN/dbname", DJ),
    ("postgres:////var/run/postgresql/db", ENV),
    ("mysql://user:pw@//cloudsql/project-1234:us-central1:instance/dbname", ENV),
    ("postgres://user:pw@//cloudsql/project-1234:us-central1:instance/dbname", ENV),
    ("postgres://user:pw@host1:111,22.55.44.88:222/db", ENV),
    ("postgres://user:pw@host1,host2/db", ENV),
    (f"postgres://{HOST}:5431/d?currentSchema=other", DJ),
    (f"redshift://{HOST}:5439/d?currentSchema=other", DJ),
    (f"postgres://{HOST}/d?sslrootcert=rds-combined-ca-bundle.pem&sslmode=verify-full", BOTH),
    (f"postgres://{HOST}/d?connect_timeout=10&target_session_attrs=any", BOTH),
    (f"mysql://{HOST}/d?reconnect=true", DJ),
    (f"mysql://{HOST}/d?ssl-ca=rds-combined-ca-bundle.pem", DJ),
    (f"mysql2://{HOST}/d?ssl-ca=rds-combined-ca-bundle.pem&charset=utf8mb4", DJ),
    (f"mssqlms://{HOST}:1433/d?driver=ODBC Driver 18 for SQL Server", DJ),
    ("cockroach://ann:pw@localhost:26257/c?sslmode=verify-full&sslcert=/etc/c.crt", DJ),
    ("oracle://scott:tiger@oraclehost:1521/hr", BOTH),
    ("oracle://scott:tiger@/tnsname", BOTH),
    ("oracle://scott:tiger@tnsname", ENV),
    ("sqlite:////this/is/absolute.sqlite", BOTH),
    ("sqlite:////this/is/absolute.sqlite?timeout=20", BOTH),
    ("sqlite:///:memory:", BOTH),
    ("sqlite://:memory:", BOTH),
    ("sqlite://", BOTH),
]


def plain(entry: Entry) -> Entry:
    """Return what connects: without our defaults, with ports as texts."""
    kept = {key: entry.get(key) or "" for key in ("ENGINE", "NAME", "USER", "PASSWORD", "HOST")}
    options = dict(entry.get("OPTIONS", {}))
    if entry["ENGINE"].endswith("sqlite3"):
        ours = ("transaction_mode", "init_command")
        options = {key: value for key, value in options.items() if key not in ours}
        options.setdefault("timeout", 20)
        if entry["NAME"] == ":memory:":
            options = {}
    if entry["ENGINE"].endswith("spatialite"):
        options = {}
    return {**kept, "PORT": str(entry.get("PORT") or ""), "OPTIONS": options}


@pytest.mark.parametrize(("url", "library"), [(u, one) for u, names in DATABASES for one in names])
def test_a_database_is_the_same(url: str, library: str) -> None:
    assert plain(services.database(url)) == plain(OTHERS[library](url))


def test_a_relative_path_is_relative_to_the_project() -> None:
    entry = services.database("sqlite:///sub/db.sqlite3", Path("/srv/shop"))
    theirs = dj_database_url.parse("sqlite:///sub/db.sqlite3")
    assert entry["NAME"] == Path("/srv/shop", theirs["NAME"])


# What they do with these is wrong or fails later; the reference says so.
DIFFERENT = [
    ("postgres://ann:pw#1@host/dbname", "PASSWORD", "pw#1", ""),
    (f"mssql://{HOST}/d", "ENGINE", "mssql", "sql_server.pyodbc"),
    (f"postgres://{HOST}/d?password=0123", "OPTIONS", {"password": "0123"}, {"password": 123}),
    (
        f"postgres://{HOST}/d?application_name=7",
        "OPTIONS",
        *({"application_name": n} for n in ("7", 7)),
    ),
    ("sqlite:////x?timeout=0.5", "OPTIONS", {"timeout": 0.5}, {"timeout": "0.5"}),
    ("postgres:////var/run/postgresql/db", "NAME", "db", "/var/run/postgresql/db"),
]


@pytest.mark.parametrize(("url", "key", "ours", "theirs"), DIFFERENT)
def test_a_documented_difference(url: str, key: str, ours: object, theirs: object) -> None:
    assert plain(services.database(url))[key] == ours
    try:
        found = plain(dj_database_url.parse(url))[key]
    except ValueError:  # a port that is no number
        found = ""
    assert found == theirs


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("ldap://ldap.example.com/", "schemes: "),
        ("custom.backend://user:pw@example.com:5430/database", "schemes: "),
        ("postgres://", "database's name"),
        ("mysql://ann:pw@host", "database's name"),
        ("sqlite://host/path/db.sqlite3", "absolute path"),
        ("sqlite://sub/db.sqlite3", "absolute path"),
        (f"postgres://{HOST}/d?sslmode=require&sslmode=disable", "only once"),
        (f"postgres://{HOST}/d?conn_max_age=60&CONN_MAX_AGE=0", "only once"),
        (f"postgres://{HOST}/d?pool=true&conn_max_age=60", "only one of them"),
        (f"mysql://{HOST}/d?ssl-ca=ca.pem&ssl=true", "only one of them"),
        (f"mysql://{HOST},other/d", "host cannot be read"),
        ("postgres://host\x00/d", "control characters"),
    ],
)
def test_what_they_accept_and_we_do_not_is_refused(url: str, says: str) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        services.database(url)
    assert "wegauwhg" not in str(caught.value)


@pytest.mark.parametrize(
    "query", ["conn_max_age=600&atomic_requests", "CONN_MAX_AGE=600&ATOMIC_REQUESTS"]
)
def test_keys_beside_the_options_are_those_of_django_environ(query: str) -> None:
    url = f"postgres://{HOST}/d?{query}=True"
    ours, theirs = services.database(url), environ.Env.db_url_config(url)
    for key in ("CONN_MAX_AGE", "ATOMIC_REQUESTS"):
        assert ours[key] == theirs[key]
    # Theirs is the text "false", which is true.
    assert services.database(f"postgres://{HOST}/d?autocommit=false")["AUTOCOMMIT"] is False


def test_addresses_of_several_hosts_have_no_brackets() -> None:
    entry = services.database("postgres://u:p@[2001:db8::1]:333,h/db")  # as libpq expects
    assert (entry["HOST"], entry["PORT"]) == ("2001:db8::1,h", "333,")


CACHES = [
    *("memcache://127.0.0.1:11211", "pymemcache://127.0.0.1:11211,172.19.26.242:11212"),
    *("memcache:///tmp/memcached.sock", "pymemcache:///tmp/memcached.sock"),
    *("pymemcache://memcached:11211/?key_prefix=ci", "pylibmc://127.0.0.1:11211"),
    *("dbcache://my_cache_table", "filecache:///var/tmp/django_cache", "dummycache://"),
    *("locmemcache://", "locmemcache://unique-snowflake", "locmemcache://?timeout=None"),
    *("redis://127.0.0.1:6379/1", "rediss://127.0.0.1:6379/1", "rediscache://127.0.0.1:6379/1"),
    *("rediscache://:redispass@127.0.0.1:6379/0", "rediscache:///path/to/socket:1"),
    "rediscache://host1:6379,host2:6379,host3:9999/1",
    "redis://localhost:6379/1?client_class=django_redis.client.DefaultClient&DB=2",
    "redis://localhost:6379/1?socket_timeout=0.5&TIMEOUT=60&VERSION=2&key_prefix=a",
    "filecache:///var/tmp/django_cache?timeout=60&max_entries=1000&cull_frequency=0",
]


@pytest.mark.parametrize("url", CACHES)
def test_a_cache_is_the_same(url: str) -> None:
    def plain_cache(entry: Entry) -> Entry:
        kept = {key.upper(): value for key, value in entry.items() if value not in ("", {})}
        if url.startswith(("memcache:", "pymemcache:")):  # theirs depends on what is installed
            kept["BACKEND"] = "memcached"
        return kept

    assert plain_cache(services.cache(url)) == plain_cache(environ.Env.cache_url_config(url))


def test_documented_differences_of_caches() -> None:
    assert services.cache("valkeys://h:1/0")["LOCATION"] == "rediss://h:1/0"  # theirs has no scheme
    assert services.cache("redis://h/0?password=0123")["OPTIONS"] == {"password": "0123"}
    assert services.cache("redis://h/0?key_prefix=12")["KEY_PREFIX"] == "12"
    assert services.cache("pymemcache://h:1?no_delay=true")["OPTIONS"] == {"no_delay": True}


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("redis:///1", "server's host"),
        ("filecache://C:/foo/bar", "absolute path"),
        ("memcache://host", "servers such as"),
        ("locmem://?timeout=soon", "timeout has an invalid value"),
        ("locmem://?version=1.5", "version has an invalid value"),
        ("uwsgicache://x", "schemes: "),
    ],
)
def test_a_cache_that_cannot_be_meant_is_refused(url: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        services.cache(url)


MAILS = [
    *("smtp+tls://ann@example.org:pw@smtp.example.com:587", "smtp+ssl://a:pw@example.com:465"),
    *("smtp://smtp.example.com:25", "consolemail://", "memorymail://", "dummymail://"),
    *("smtp://a:pw@example.com:587?EMAIL_USE_TLS=true", "smtp://a:pw@localhost:25"),
]


@pytest.mark.parametrize("url", MAILS)
def test_mail_is_sent_as_with_django_environ(url: str) -> None:
    ours, theirs = services.email(url), environ.Env.email_url_config(url)
    for key in ("BACKEND", "HOST", "PORT", "HOST_USER", "HOST_PASSWORD", "USE_TLS", "USE_SSL"):
        wanted = theirs.get(f"EMAIL_{key}") or ""
        wanted = wanted == "true" or wanted is True if key in ("USE_TLS", "USE_SSL") else wanted
        assert (ours.get(f"EMAIL_{key}") or (False if "USE" in key[:3] else "")) == wanted


@pytest.mark.parametrize(
    "url",
    [
        "submission://a:pw@example.com",
        "submit://a:pw@example.com:2587?timeout=3",
        "smtp://a:pw@example.com?tls=true",
        "smtp://a:pw@example.com:587/?tls=yes",
        "smtp://a:pw@example.com:465?ssl=true",
        "smtp://example.com",
    ],
)
def test_mail_is_sent_as_with_dj_email_url(url: str) -> None:
    ours, theirs = services.email(url), dj_email_url.parse(url)
    theirs["EMAIL_TIMEOUT"] = theirs["EMAIL_TIMEOUT"] or 10
    for key, value in ours.items():
        assert value == (theirs[key] or value if value in ("", False) else theirs[key])
        assert bool(value) == bool(theirs[key])


@pytest.mark.parametrize(
    ("url", "says"),
    [
        (
            "smtps://ann:pw-7c2f@example.com:587",
            "submission://…:587 for STARTTLS, or smtps://…:465",
        ),
        ("smtps://ann:pw-7c2f@example.com:25", "port 25 is for STARTTLS"),
        (
            "smtp+ssl://ann:pw-7c2f@example.com:587",
            r"port 587 is for STARTTLS, and smtp\+ssl starts",
        ),
        ("submission://ann:pw-7c2f@example.com:465", "write smtps://…:465"),
        ("smtp://example.com:465", "write smtps://…:465"),
        ("smtp://ann:pw-7c2f@example.com", "smtp does not encrypt the password"),
        ("smtp://ann:pw-7c2f@example.com:587", "smtp does not encrypt the password"),
        ("smtp://ann:pw-7c2f@10.0.0.5", "smtp does not encrypt the password"),
        ("submission://ann:pw-7c2f@example.com?tls=false", "tls is false"),
        ("smtp://ann:pw-7c2f@example.com?tls=true&ssl=true", "only one of them"),
        ("smtp://ann:pw-7c2f@example.com?tls=maybe", "true or false"),
        ("smtp://example.com?_default_from_email=x", "known are timeout, tls and ssl"),
        ("filemail://mails", "absolute path"),
    ],
)
def test_mail_that_would_be_sent_otherwise_is_refused(url: str, says: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ValueError, match=says) as caught:
            services.email(url)
    assert "7c2f" not in str(caught.value)


def test_no_encryption_can_be_asked_for() -> None:
    found = services.email("smtp://ann:pw@10.0.0.5?tls=false")
    assert (found["EMAIL_USE_TLS"], found["EMAIL_USE_SSL"], found["EMAIL_PORT"]) == (
        False,
        False,
        25,
    )
