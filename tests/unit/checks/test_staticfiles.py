"""Checks of static files, media, templates and translations."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.checks.cases import (
    TEMPLATES,
    Case,
    Cases,
    assert_found,
    bad,
    good,
    run_case,
    setting,
)

CASES: Cases = {
    "E601": (
        [setting(INSTALLED_APPS=["django.contrib.staticfiles"], STATIC_ROOT=None)],
        [
            setting(
                INSTALLED_APPS=["django.contrib.staticfiles"], STATIC_ROOT="{root}/staticfiles"
            ),
            setting(STATIC_ROOT=None),
        ],
    ),
    "E602": (
        [
            Case(
                {
                    "STATIC_ROOT": "{root}/staticfiles",
                    "STORAGES": {
                        "staticfiles": {
                            "BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
                        }
                    },
                },
                subject={"server": True},
            )
        ],
        [
            Case(
                {
                    "STATIC_ROOT": "{root}/staticfiles",
                    "STORAGES": {
                        "staticfiles": {
                            "BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
                        }
                    },
                },
                {"staticfiles/staticfiles.json": '{"paths": {"a.css": "a.1.css"}}'},
                {"server": True},
            )
        ],
    ),
    "E603": (
        [
            Case(
                {
                    "INSTALLED_APPS": ["django.contrib.staticfiles"],
                    "TEMPLATES": [{**TEMPLATES, "DIRS": ["{root}/templates"]}],
                    "STATIC_URL": "static/",
                },
                {"templates/a.html": "{% load static %}\n{% static 'no/such.css' %}"},
            )
        ],
        [
            Case(
                {
                    "INSTALLED_APPS": ["django.contrib.staticfiles"],
                    "TEMPLATES": [{**TEMPLATES, "DIRS": ["{root}/templates"]}],
                    "STATICFILES_DIRS": ["{root}/assets"],
                    "STATIC_URL": "static/",
                },
                {
                    "templates/a.html": "{% load static %}{% static 'a.css' %}{% static name %}",
                    "assets/a.css": "",
                },
            )
        ],
    ),
    "E605": (
        [
            setting(MEDIA_ROOT="{root}/media"),
            setting(MEDIA_ROOT="/srv/x/media", STATIC_ROOT="/srv/x"),
            setting(MEDIA_ROOT="/srv/x", STATIC_ROOT="/srv/x/static"),
        ],
        [
            setting(MEDIA_ROOT="/var/lib/shop/media", STATIC_ROOT="{root}/static"),
            setting(MEDIA_ROOT=""),
        ],
    ),
    "W607": (
        [
            setting(
                INSTALLED_APPS=["django.contrib.staticfiles"], STATIC_URL="/static/", MIDDLEWARE=[]
            )
        ],
        [
            setting(
                INSTALLED_APPS=["django.contrib.staticfiles"],
                STATIC_URL="/static/",
                MIDDLEWARE=["whitenoise.middleware.WhiteNoiseMiddleware"],
            ),
            setting(
                INSTALLED_APPS=["django.contrib.staticfiles"],
                STATIC_URL="https://cdn.example.org/",
                MIDDLEWARE=[],
            ),
        ],
    ),
    "E608": (
        [
            Case(
                {"TEMPLATES": [{**TEMPLATES, "DIRS": ["{root}/templates"]}]},
                {"templates/a.html": "{% if %}"},
            )
        ],
        [
            Case(
                {"TEMPLATES": [{**TEMPLATES, "DIRS": ["{root}/templates"]}]},
                {"templates/a.html": "{% if a %}{% endif %}"},
            )
        ],
    ),
    "E609": (
        [
            Case(
                {"TEMPLATES": [{**TEMPLATES, "DIRS": ["{root}/templates"]}]},
                {"templates/500.html": "{% include missing.name %}"},
            )
        ],
        [
            Case(
                {"TEMPLATES": [{**TEMPLATES, "DIRS": ["{root}/templates"]}]},
                {"templates/500.html": "sorry"},
            )
        ],
    ),
    "W611": (
        [
            Case(
                {"TEMPLATES": [{**TEMPLATES, "DIRS": ["{root}/templates"]}]},
                {"templates/500.html": "sorry"},
            )
        ],
        [
            Case(
                {"TEMPLATES": [{**TEMPLATES, "DIRS": ["{root}/templates"]}]},
                {"templates/500.html": "", "templates/404.html": ""},
            ),
            Case({"TEMPLATES": [{**TEMPLATES, "DIRS": ["{root}/templates"]}]}),
        ],
    ),
    "W610": (
        [Case(subject={"tracked": ("locale/de/LC_MESSAGES/django.po",)})],
        [
            Case(
                subject={
                    "tracked": (
                        "locale/de/LC_MESSAGES/django.po",
                        "locale/de/LC_MESSAGES/django.mo",
                    )
                }
            ),
            Case(
                files={"deploykit.ini": "[bundle]\nbuild = python manage.py compilemessages\n"},
                subject={"tracked": ("locale/de/LC_MESSAGES/django.po",)},
            ),
        ],
    ),
}


@pytest.mark.parametrize(("key", "case"), bad(CASES))
def test_finds(key: str, case: Case, tmp_path: Path) -> None:
    assert_found(key, case, tmp_path)


@pytest.mark.parametrize(("key", "case"), good(CASES))
def test_finds_nothing(key: str, case: Case, tmp_path: Path) -> None:
    assert run_case(key, case, tmp_path) == []
