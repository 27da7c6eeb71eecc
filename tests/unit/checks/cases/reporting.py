"""Cases of the topic ``reporting``: logging and the processes that serve."""

from __future__ import annotations

from tests.unit.checks.cases.made import CONSOLE, Case, Cases, log, procfile, setting

CASES: Cases = {
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
        [setting(LOGGING=log({"class": "logging.handlers.WatchedFileHandler", "filename": "/x"}))],
    ),
    "W711": (
        [setting(LOGGING={"version": 1, "loggers": {"django.db.backends": {"level": "DEBUG"}}})],
        [setting(LOGGING={"version": 1, "loggers": {"django.db.backends": {"level": "INFO"}}})],
    ),
    "E810": (
        [procfile("web: python manage.py runserver 0.0.0.0:$PORT\n")],
        [procfile("web: gunicorn shop.wsgi\n")],
    ),
    "W811": (
        [
            procfile("web: gunicorn shop.wsgi --reload\n"),
            procfile("web: gunicorn shop.wsgi -t 0\n"),
        ],
        [procfile("web: gunicorn shop.wsgi --timeout 30\n")],
    ),
    "E812": (
        [procfile("web: gunicorn nowhere.wsgi --workers 2\n")],
        [
            procfile("web: gunicorn --workers 2\n"),
            procfile("web: gunicorn tests.unit.checks.wsgi\n"),
        ],
    ),
    "E813": (
        [
            Case(
                {"ROOT_URLCONF": "tests.unit.checks.urls"},
                {"deploykit.ini": "[environment:production]\nhosts = a\nhealth = /nowhere\n"},
            )
        ],
        [
            Case(
                {"ROOT_URLCONF": "tests.unit.checks.urls"},
                {"deploykit.ini": "[environment:production]\nhosts = a\nhealth = /up\n"},
            )
        ],
    ),
}
