"""Cases of the topic ``services``: caches, mail and queues."""

from __future__ import annotations

from tests.unit.checks.cases.made import (
    LOCMEM,
    REDIS,
    SMTP,
    SQLITE,
    Case,
    Cases,
    databases,
    setting,
)

CASES: Cases = {
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
