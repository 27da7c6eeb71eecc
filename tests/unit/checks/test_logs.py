"""Checks of logging."""

from __future__ import annotations

from django_deploykit.conf import production
from tests.unit.checks.cases import CONSOLE, Case, Cases, case_tests, log, setting

CASES: Cases = {
    "W710": (
        [
            setting(ADMINS=[], LOGGING=log({"class": "django.utils.log.AdminEmailHandler"})),
        ],
        [
            setting(
                ADMINS=[("A", "a@example.org")],
                LOGGING=log({"class": "django.utils.log.AdminEmailHandler"}),
            ),
            setting(ADMINS=[], LOGGING=CONSOLE),
            setting(ADMINS=[], LOGGING=production.logging()),
        ],
    ),
    "E707": (
        [
            Case(),
            setting(LOGGING=log({"class": "logging.NullHandler"})),
            setting(
                LOGGING=log({"class": "logging.StreamHandler", "filters": ["require_debug_true"]})
            ),
        ],
        [setting(LOGGING=CONSOLE), setting(ADMINS=[("A", "a@example.org")])],
    ),
    "E708": (
        [
            setting(LOGGING=log({"class": "logging.FileHandler", "filename": "shop.log"})),
            setting(LOGGING=log({"class": "logging.FileHandler", "filename": "{root}/shop.log"})),
        ],
        [setting(LOGGING=log({"class": "logging.FileHandler", "filename": "/var/log/shop.log"}))],
    ),
    "W709": (
        [setting(LOGGING=log({"class": "logging.handlers.RotatingFileHandler", "filename": "/x"}))],
        [
            setting(LOGGING=log({"class": "concurrent_log_handler.ConcurrentRotatingFileHandler"})),
            setting(
                LOGGING=log({"class": "logging.handlers.WatchedFileHandler", "filename": "/x"})
            ),
        ],
    ),
    "W711": (
        [setting(LOGGING={"version": 1, "loggers": {"django.db.backends": {"level": "DEBUG"}}})],
        [setting(LOGGING={"version": 1, "loggers": {"django.db.backends": {"level": "INFO"}}})],
    ),
}

test_finds, test_finds_nothing = case_tests(CASES)
