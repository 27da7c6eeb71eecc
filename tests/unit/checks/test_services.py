"""Checks of caches, sessions, tasks and email."""

from __future__ import annotations

from pathlib import Path

import django
import pytest
from django.test import override_settings
from django.utils.text import format_lazy

from django_deploykit.conf import Config
from tests.unit.checks.cases import (
    LOCMEM,
    REDIS,
    SMTP,
    SQLITE,
    Case,
    Cases,
    case_tests,
    databases,
    run_check,
    setting,
)

CASES: Cases = {
    "W503": (
        [
            setting(CACHES={"default": REDIS["default"], "other": REDIS["default"]}),
            setting(
                CACHES={"default": {**REDIS["default"], "KEY_PREFIX": "shop"}},
                CELERY_BROKER_URL="redis://cache/1",
            ),
            setting(
                CACHES={
                    "default": {**REDIS["default"], "LOCATION": "redis://cache.example.com:6379"}
                }
            ),
        ],
        [
            setting(CACHES=REDIS, CELERY_BROKER_URL="redis://cache:6379/2"),
            setting(
                CACHES={
                    "default": {**REDIS["default"], "KEY_PREFIX": "shop"},
                    "other": {**REDIS["default"], "KEY_PREFIX": "other"},
                }
            ),
            setting(CACHES=LOCMEM),
            setting(  # number 0 of a machine whose numbers the project divides
                CACHES={
                    "default": {**REDIS["default"], "LOCATION": "redis://cache.example.com/0"},
                    "pages": {**REDIS["default"], "LOCATION": "redis://cache.example.com/1"},
                }
            ),
            setting(CACHES={"default": {**REDIS["default"], "LOCATION": "redis://localhost:6379"}}),
            setting(CACHES={"default": {**REDIS["default"], "LOCATION": "redis://cache:six/1"}}),
        ],
    ),
    "E713": (
        [
            setting(ADMINS=[("only",)]),
            setting(MANAGERS=[3]),
            *([] if django.VERSION >= (6, 0) else [setting(ADMINS=["a@example.org"])]),
        ],
        [
            setting(ADMINS=[("A", "a@example.org")], MANAGERS=[["B", "b@example.org"]]),
            *([setting(ADMINS=["a@example.org"])] if django.VERSION >= (6, 0) else []),
        ],
    ),
    "W501": ([setting(CACHES=LOCMEM)], [setting(CACHES=REDIS), Case()]),
    "E502": (
        [setting(SESSION_ENGINE="django.contrib.sessions.backends.cache", CACHES=LOCMEM)],
        [
            setting(SESSION_ENGINE="django.contrib.sessions.backends.cached_db", CACHES=LOCMEM),
            setting(SESSION_ENGINE="django.contrib.sessions.backends.cache", CACHES=REDIS),
        ],
    ),
    "W506": (
        [
            setting(
                CACHES={
                    "default": {**REDIS["default"], "LOCATION": "redis://cache.example.com:6379"}
                }
            )
        ],
        [
            setting(CACHES=REDIS),
            setting(
                CACHES={
                    "default": {
                        **REDIS["default"],
                        "LOCATION": "rediss://:pw@cache.example.com:6379",
                    }
                }
            ),
            setting(CACHES={"default": {**REDIS["default"], "LOCATION": "redis://[::1/1"}}),
        ],
    ),
    "E507": (
        [
            setting(CELERY_TASK_ALWAYS_EAGER=True),
            setting(
                TASKS={"default": {"BACKEND": "django.tasks.backends.immediate.ImmediateBackend"}}
            ),
        ],
        [setting(CELERY_TASK_ALWAYS_EAGER=False)],
    ),
    "E701": (
        [
            setting(EMAIL_BACKEND=f"django.core.mail.backends.{kind}.EmailBackend")
            for kind in ("console", "filebased", "locmem", "dummy")
        ],
        [setting(EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend")],
    ),
    "W702": (
        [
            setting(EMAIL_BACKEND=SMTP, EMAIL_HOST="mail.example.org"),
            setting(EMAIL_BACKEND=SMTP, ADMINS=[("A", "a@example.org")]),
        ],
        [
            setting(),
            setting(EMAIL_BACKEND="django.core.mail.backends.console.EmailBackend"),
            setting(
                EMAIL_HOST="mail.example.org", DEFAULT_FROM_EMAIL="a@b.org", SERVER_EMAIL="a@b.org"
            ),
            setting(
                EMAIL_BACKEND=SMTP,
                EMAIL_HOST="mail.example.org",
                DEFAULT_FROM_EMAIL=format_lazy("{}@b.org", "a"),
                SERVER_EMAIL="a@b.org",
            ),
            setting(  # nobody gets mail from SERVER_EMAIL
                EMAIL_BACKEND=SMTP, EMAIL_HOST="mail.example.org", DEFAULT_FROM_EMAIL="a@b.org"
            ),
        ],
    ),
    "W703": (
        [setting(EMAIL_BACKEND=SMTP, EMAIL_HOST="mail.example.org")],
        [setting(EMAIL_BACKEND=SMTP, EMAIL_HOST="mail.example.org", EMAIL_TIMEOUT=10), setting()],
    ),
    "E704": (
        [
            setting(EMAIL_BACKEND=SMTP, EMAIL_HOST="m", EMAIL_PORT=465, EMAIL_USE_TLS=True),
            setting(EMAIL_BACKEND=SMTP, EMAIL_HOST="m", EMAIL_PORT=587, EMAIL_USE_SSL=True),
        ],
        [
            setting(EMAIL_BACKEND=SMTP, EMAIL_HOST="m", EMAIL_PORT=465, EMAIL_USE_SSL=True),
            setting(EMAIL_BACKEND=SMTP, EMAIL_HOST="m", EMAIL_PORT=587, EMAIL_USE_TLS=True),
        ],
    ),
    "E705": (
        [
            databases({"ENGINE": "django.db.backends.oracle", "NAME": "x"}),
            setting(
                CACHES={"default": {"BACKEND": "django.core.cache.backends.memcached.PyLibMCCache"}}
            ),
        ],
        [databases(SQLITE), setting(CACHES=LOCMEM)],
    ),
}

test_finds, test_finds_nothing = case_tests(CASES)


@pytest.mark.parametrize("key", ["E701", "W703", "W501", "E502"])
def test_a_service_without_its_url_is_not_checked_in_a_build(
    key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEPLOYKIT_BUILD", "1")
    config = Config("shop")
    made = {"CACHES": {"default": config.cache()}, **config.email()}
    sessions = "django.contrib.sessions.backends.cache"
    with override_settings(SESSION_ENGINE=sessions, **made):
        assert run_check(key, tmp_path) == []


def test_a_dummy_that_was_chosen_is_checked_in_a_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEPLOYKIT_BUILD", "1")
    config = Config("shop")
    made = {"CACHES": {"default": config.cache(default="dummy://")}}
    with override_settings(**made, **config.email(default="dummy://")):
        assert "delivers no mail" in run_check("E701", tmp_path)[0].message
        assert "DummyCache" in run_check("W501", tmp_path)[0].message
