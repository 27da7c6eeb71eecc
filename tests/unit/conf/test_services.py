"""URLs of databases, caches and mail servers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import django
import pytest

from django_deploykit.conf import services


def test_reads_postgresql() -> None:
    entry = services.database(
        "postgres://ann:pw@db.example.com:5433/shop?sslmode=require&conn_max_age=0"
    )
    assert entry["ENGINE"] == "django.db.backends.postgresql"
    assert (entry["NAME"], entry["USER"], str(entry["PASSWORD"])) == ("shop", "ann", "pw")
    assert (entry["HOST"], entry["PORT"]) == ("db.example.com", "5433")
    assert entry["OPTIONS"] == {"sslmode": "require"}
    assert entry["CONN_MAX_AGE"] == 0


@pytest.mark.parametrize("password", ["a#b", "a@b", "a/b", "a?b", "50%25", "a[b]", "ü"])
def test_passwords_are_not_changed(password: str) -> None:
    entry = services.database(f"postgres://ann:{password}@db:5432/shop")
    assert str(entry["PASSWORD"]) == password.replace("%25", "%")
    assert entry["HOST"] == "db"


def test_hides_the_password_in_the_repr() -> None:
    assert "pw-7c2f" not in repr(services.database("postgres://ann:pw-7c2f@db/shop"))
    assert "pw-7c2f" not in repr(services.email("smtps://ann:pw-7c2f@mail.example.com"))
    assert "pw-7c2f" not in repr(services.cache("redis://:pw-7c2f@cache:6379/1"))


def test_reads_a_unix_socket_of_postgresql() -> None:
    entry = services.database("postgres:///shop?host=/run/postgresql")
    assert entry["HOST"] == "/run/postgresql"


def test_reads_sqlite_paths() -> None:
    assert (
        services.database("sqlite:////var/lib/shop/db.sqlite3")["NAME"]
        == "/var/lib/shop/db.sqlite3"
    )
    assert services.database("sqlite:///:memory:")["NAME"] == ":memory:"
    options = services.database("sqlite:////x?timeout=20&init_command=PRAGMA journal_mode=WAL")[
        "OPTIONS"
    ]
    assert {"timeout": 20, "init_command": "PRAGMA journal_mode=WAL"}.items() <= options.items()


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///db.sqlite3",
        "sqlite://db.sqlite3",
        "postgres://db/",
        "postgres://db//name",
        "foo://x/y",
        "db.sqlite3",
        "postgres://db:port/x",
        "",
    ],
)
def test_refuses_urls_without_a_database(url: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        services.database(url)


def test_reads_caches() -> None:
    entry = services.cache("redis://cache:6379/1?key_prefix=shop&timeout=60")
    assert entry["BACKEND"].endswith("RedisCache")
    assert (str(entry["LOCATION"]), entry["KEY_PREFIX"], entry["TIMEOUT"]) == (
        "redis://cache:6379/1",
        "shop",
        60,
    )
    assert services.cache("memcached://a:11211,b:11211")["LOCATION"] == ["a:11211", "b:11211"]
    assert services.cache("file:///var/cache/shop")["LOCATION"] == "/var/cache/shop"
    assert services.cache("db://cache_table")["LOCATION"] == "cache_table"


@pytest.mark.parametrize(
    ("scheme", "port", "tls", "ssl"),
    [("smtp", 25, False, False), ("submission", 587, True, False), ("smtps", 465, False, True)],
)
def test_reads_mail_servers(scheme: str, port: int, tls: bool, ssl: bool) -> None:
    found = services.email(f"{scheme}://ann:p%40w@localhost")
    assert (found["EMAIL_PORT"], found["EMAIL_USE_TLS"], found["EMAIL_USE_SSL"]) == (port, tls, ssl)
    assert str(found["EMAIL_HOST_PASSWORD"]) == "p@w"
    assert found["EMAIL_TIMEOUT"] == 10


def test_mailers_have_the_same_values() -> None:
    found = services.mailers("submission://ann:pw@mail.example.com")["default"]
    assert found["BACKEND"].endswith("smtp.EmailBackend")
    assert (found["OPTIONS"]["host"], found["OPTIONS"]["port"]) == ("mail.example.com", 587)


_SETTINGS = """
from django_deploykit.conf import Config

SECRET_KEY, USE_TZ = "k", True
MAILERS_OF_STARTPROJECT = {"default": {"BACKEND": "django.core.mail.backends.console.EmailBackend"}}
if %(new)s:
    MAILERS = MAILERS_OF_STARTPROJECT
config = Config("shop", environ={"EMAIL_URL": "%(url)s"})
globals().update(config.email())
"""
_SEND = """
import django
django.setup()
from django.core import mail
mail.send_mail("Subject", "Text", "shop@example.org", ["ann@example.org"])
"""
_CONNECT = """
import django
django.setup()
from django.core import mail
one = mail.mailers["default"] if django.VERSION >= (6, 1) else mail.get_connection()
print(one.host, one.port, one.username, one.use_tls, one.timeout, one.password)
"""


def with_mail(folder: Path, url: str, code: str) -> str:
    """Run code in a process whose settings read their mail, where every warning is an error."""
    text = _SETTINGS % {"url": url, "new": django.VERSION >= (6, 1)}
    (folder / "mailing.py").write_text(text, encoding="utf-8")
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "mailing", "PYTHONPATH": str(folder)}
    argv = [sys.executable, "-W", "error::DeprecationWarning", "-c", code]
    done = subprocess.run(argv, env=env, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_mail_settings_are_those_of_this_django(tmp_path: Path) -> None:
    with_mail(tmp_path, f"file://{tmp_path}/mails", _SEND)
    mails = list((tmp_path / "mails").iterdir())
    assert ["To: ann@example.org" in one.read_text(encoding="utf-8") for one in mails] == [True]


def test_this_django_accepts_the_mail_server(tmp_path: Path) -> None:
    told = with_mail(tmp_path, "submission://ann:p%40w@mail.example.com?timeout=7", _CONNECT)
    assert told.split() == ["mail.example.com", "587", "ann", "True", "7", "p@w"]


PASSWORDS = ["p#w", "p@w", "p/w", "p?w", "100%", "a+b", "[x]", "a:b", "12/3", "é", "p%40w", "a b"]


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("behind", ["", "?sslmode=require", "?application_name=a@b"])
def test_a_password_need_not_be_quoted(password: str, behind: str) -> None:
    wanted = password.replace("%40", "@")
    entry = services.database(f"postgres://ann:{password}@db.example.com:5433/shop{behind}")
    assert (str(entry["PASSWORD"]), entry["USER"]) == (wanted, "ann")
    assert (entry["HOST"], entry["PORT"], entry["NAME"]) == ("db.example.com", "5433", "shop")
    found = services.email(f"smtps://ann@example.org:{password}@mail.example.com")
    assert str(found["EMAIL_HOST_PASSWORD"]) == wanted
    assert found["EMAIL_HOST_USER"] == "ann@example.org"


@pytest.mark.parametrize("password", PASSWORDS)
def test_redis_gets_the_whole_password(password: str) -> None:
    from urllib.parse import unquote, urlsplit

    parts = urlsplit(str(services.cache(f"redis://:{password}@cache:6380/2")["LOCATION"]))
    assert unquote(parts.password or "") == password.replace("%40", "@")
    assert (parts.hostname, parts.port, parts.path) == ("cache", 6380, "/2")


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("postgres://u:p@[::1]:5432/x", "::1", "5432"),
        ("postgres://u:p@[fe80::1]/x", "fe80::1", ""),
        ("postgres:///x?host=/run/postgresql", "/run/postgresql", ""),
        ("postgres://u@%2FRun%2FPostgreSQL/x", "/Run/PostgreSQL", ""),
        ("postgres://DB.example.com/x", "db.example.com", ""),
        ("postgres://h/x?application_name=a@b", "h", ""),
    ],
)
def test_reads_hosts_of_all_kinds(url: str, host: str, port: str) -> None:
    entry = services.database(url)
    assert (entry["HOST"], entry["PORT"], entry["NAME"]) == (host, port, "x")


@pytest.mark.parametrize("folder", ["/home/ann@corp", "/srv/a#b", "/srv/a b", "/srv/ü"])
def test_a_file_may_be_in_any_folder(folder: str) -> None:
    assert services.database(f"sqlite:///{folder}/db.sqlite3")["NAME"] == f"{folder}/db.sqlite3"
    assert services.cache(f"file://{folder}")["LOCATION"] == folder


def test_sqlite_is_configured_for_several_workers() -> None:
    assert services._for_workers((4, 2)) == {"timeout": 20}
    assert services._for_workers((5, 1))["transaction_mode"] == "IMMEDIATE"
    entry = services.database("sqlite:////x?timeout=5&conn_max_age=none")
    assert entry["OPTIONS"]["timeout"] == 5
    assert entry["CONN_MAX_AGE"] is None
    assert "OPTIONS" not in services.database("sqlite:///:memory:")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgres://u:p@h:99999/x", "port or host"),
        ("postgres://u:p@h/x?sslmode", "name=value pairs"),
        ("postgres://u:p@h/x?conn_max_age=soon", "conn_max_age"),
        ("postgres://u:p@h/x?conn_health_checks=Flase&atomic_requests=2", "atomic_requests"),
        ("postgress://u:p@h/x", "schemes: "),
    ],
)
def test_reports_what_is_wrong_with_a_database_url(url: str, says: str) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        services.database(url)
    assert "u:p" not in str(caught.value)


def test_a_pool_keeps_connections_itself() -> None:
    entry = services.database("postgres://u:p@h/d?pool=true")
    assert (entry["CONN_MAX_AGE"], entry["OPTIONS"]) == (0, {"pool": True})


def test_a_cache_that_never_expires(tmp_path: Path) -> None:
    from django.core.cache.backends.locmem import LocMemCache

    for text, seconds in (("none", None), ("None", None), ("0.5", 0.5), ("60", 60)):
        params = services.cache(f"locmem://?timeout={text}")
        assert params["TIMEOUT"] == seconds
        assert (LocMemCache(str(tmp_path), params).default_timeout is None) == (seconds is None)
    assert services.cache("redis://h/0?socket_timeout=0.5")["OPTIONS"] == {"socket_timeout": 0.5}
    assert services.database("sqlite:////x?timeout=0.5")["OPTIONS"]["timeout"] == 0.5


def test_a_typo_in_a_mail_url_is_reported() -> None:
    with pytest.raises(ValueError, match="the query has timout; known are timeout, tls and ssl"):
        services.email("smtp://mail.example.com?timout=5")
