"""Checks of the files that git tracks, and of configuration."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings

from django_deploykit.checks import repository
from django_deploykit.conf import Config
from tests.unit.checks.cases import Case, Cases, case_tests, run_check

CASES: Cases = {
    "W801": (
        [Case(files={"deploykit.ini": "[check]\nskip = W310 long sessions, until 2026-01-31\n"})],
        [Case(files={"deploykit.ini": "[check]\nskip = W310 long, until 2999-01-31\n"}), Case()],
    ),
    "W805": (
        [
            Case(subject={"tracked": (name,)})
            for name in (".env", "db.sqlite3", "conf/id_rsa", "backup.sql.gz", "tls/site.key")
        ]
        + [
            Case(files={name: text}, subject={"tracked": (name,)})
            for name, text in (
                (".env", "A=1\nAPI_TOKEN=7c2f9a\n"),
                (".env.production", "export DATABASE_URL='postgres://shop:7c2f@db/shop'\n"),
                ("site.pem", "-----BEGIN CERTIFICATE-----\n-----BEGIN RSA PRIVATE KEY-----\n"),
            )
        ],
        [
            Case(files={name: text}, subject={"tracked": (name,)})
            for name, text in (
                (".env", "COMPOSE_PROJECT_NAME=shop\nDEBUG=1\n# SECRET_KEY=7c2f9a\n"),
                (".env", "SECRET_KEY=change-me\nAPI_TOKEN=\nPASSWORD=$OTHER\n"),
                ("site.pem", "-----BEGIN CERTIFICATE-----\n"),
                ("jwt.key", "-----BEGIN PUBLIC KEY-----\n"),
            )
        ]
        + [
            Case(subject={"tracked": ("shop/settings.py", ".env.example", "tests/data/key.pem")}),
            Case(),
        ],
    ),
}

test_finds, test_finds_nothing = case_tests(CASES)


def test_finds_options_that_nobody_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shop.ini").write_text("[django]\nallowed_host = a\ndebug = no\n", encoding="utf-8")
    config = Config("shop", etc=tmp_path, environ={})
    config.bool("DEBUG", default=False)
    config.hosts("ALLOWED_HOSTS", default=[])
    monkeypatch.setattr(repository, "configs", lambda: (config,))
    found = run_check("W802", tmp_path)
    assert [(one.path, one.line) for one in found] == [(str(tmp_path / "shop.ini"), 2)]
    assert "did you mean '[django] allowed_hosts'?" in found[0].message


def test_finds_quoted_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = Config("shop", etc=tmp_path, environ={"A": '"x"', "B": "x"})
    for name in "AB":
        config.str(name)
    monkeypatch.setattr(repository, "configs", lambda: (config,))
    assert ["value of A is in quotes" in one.message for one in run_check("W806", tmp_path)] == [
        True
    ]


def test_finds_settings_that_stay_behind(
    project: Path, write_settings: Callable[..., None]
) -> None:
    text = "try:\n    from local_settings import *\nexcept ImportError:\n    pass\n"
    write_settings(text)
    found = run_check("W817", project)
    assert [(one.path, one.line) for one in found] == [("own_settings.py", 2)]
    assert "git does not track local_settings.py" in found[0].message
    assert run_check("W817", project, tracked=("local_settings.py",)) == []


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("from decouple import config\nDEBUG = config('DEBUG', cast=bool)\n", "python-decouple"),
        ("import environ\nenv = environ.Env()\nDEBUG = env.bool('DEBUG')\n", "django-environ"),
        ("import os\nDEBUG = os.environ.get('DEBUG') == '1'\n", "os.environ"),
    ],
)
def test_notes_other_ways_of_configuration(
    text: str,
    kind: str,
    project: Path,
    write_settings: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(repository, "configs", lambda: ())
    monkeypatch.setitem(sys.modules, "decouple", type(sys)("decouple"))
    monkeypatch.setattr(sys.modules["decouple"], "config", lambda *_, **__: True, raising=False)
    fake = type(sys)("environ")
    monkeypatch.setattr(fake, "Env", type("Env", (), {"bool": lambda *_: True}), raising=False)
    monkeypatch.setitem(sys.modules, "environ", fake)
    write_settings(text)
    found = run_check("I818", project)
    assert [one.level for one in found] == ["INFO"]
    assert kind in found[0].message
    monkeypatch.setattr(repository, "configs", lambda: ("one",))  # has moved already
    assert run_check("I818", project) == []


def test_settings_without_configuration_have_nothing_to_move(
    project: Path, write_settings: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository, "configs", lambda: ())
    write_settings("import os\nDEBUG = False\nHERE = os.path.dirname(__file__)\n")
    assert run_check("I818", project) == run_check("W817", project) == []


SECRETS = """
AWS_SECRET_ACCESS_KEY = "wJalrXUtnFEMI/K7MDENG"
EMAIL_HOST_PASSWORD = "7c2f9a11"
DATABASES = {"default": {"NAME": "shop", "PASSWORD": "b81d77e0"}}
CELERY_BROKER_URL = "amqp://shop:9f00aa@mq.example.net/"
"""
NO_SECRETS = """
import os
AWS_ACCESS_KEY_ID = "AKIAEXAMPLE"
EMAIL_HOST_PASSWORD = os.environ.get("EMAIL_HOST_PASSWORD", "")
DATABASES = {"default": {"NAME": "shop", "PASSWORD": ""}}
CELERY_BROKER_URL = "amqp://guest:guest@localhost/"
RECAPTCHA_PUBLIC_KEY = "6Lc_aXkUAAAA"
API_TOKEN_HEADER = "X-Shop-Token"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
TOKEN_MODEL = SECRET_BACKEND = "shop.models.Token"
STRIPE_SECRET_KEY = "change-me"
GLOBAL_SURROGATE_KEY = "pydotorg-app"
ACCOUNT_RATE_LIMITS = {"change_password": "5/m/user", "reset_password": "20/m/ip"}
TOKEN_THROTTLE = "hourly"
STREAMS = [{"key": "home", "name": "Home"}]
"""


@pytest.mark.parametrize(
    ("text", "lines"), [(SECRETS, {2, 3, 4, 5}), (NO_SECRETS, set())], ids=["secrets", "none"]
)
def test_finds_passwords_in_the_settings(
    text: str,
    lines: set[int],
    project: Path,
    write_settings: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_settings(text)
    module = sys.modules["own_settings"]
    for name in dir(module):
        if name.isupper():
            monkeypatch.setattr(settings, name, getattr(module, name), raising=False)
    found = run_check("E115", project)
    assert {one.line for one in found} == lines
    assert not any(secret in str(found) for secret in ("7c2f9a11", "b81d77e0", "9f00aa", "wJal"))
    assert run_check("E115", project, tracked=("another.py",)) == []


def test_a_malformed_url_with_a_password_is_of_no_machine() -> None:
    assert not repository.is_local("redis://:7c2f9a11@[::1")
    assert not repository.is_local("redis://:7c2f9a11@localhost:port")
    assert repository.is_local("redis://:7c2f9a11@localhost:6379")


def test_a_password_that_is_overridden_later_is_not_in_use(
    project: Path, write_settings: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_settings("EMAIL_HOST_PASSWORD = '7c2f9a11'\n")
    monkeypatch.setattr(settings, "EMAIL_HOST_PASSWORD", "from the environment", raising=False)
    assert run_check("E115", project) == []
