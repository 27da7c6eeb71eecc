"""URLs of databases, caches and mail servers."""

from __future__ import annotations

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
def test_keeps_passwords_as_they_are(password: str) -> None:
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
        "postgres://db/",
        "foo://x/y",
        "db.sqlite3",
        "postgres://db:port/x",
        "",
    ],
)
def test_refuses_urls_that_name_no_database(url: str) -> None:
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
    found = services.email(f"{scheme}://ann:p%40w@mail.example.com")
    assert (found["EMAIL_PORT"], found["EMAIL_USE_TLS"], found["EMAIL_USE_SSL"]) == (port, tls, ssl)
    assert str(found["EMAIL_HOST_PASSWORD"]) == "p@w"
    assert found["EMAIL_TIMEOUT"] == 10


def test_says_the_same_as_mailers() -> None:
    found = services.mailers("submission://ann:pw@mail.example.com")["default"]
    assert found["BACKEND"].endswith("smtp.EmailBackend")
    assert (found["OPTIONS"]["host"], found["OPTIONS"]["port"]) == ("mail.example.com", 587)
