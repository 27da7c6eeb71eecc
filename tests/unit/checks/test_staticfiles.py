"""Checks of static files, media, templates and translations."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.template.backends.base import BaseEngine
from django.urls import re_path
from django.views.static import serve

from django_deploykit.checks.finding import Finding, Undecided
from tests.unit.checks import urls
from tests.unit.checks.cases import TEMPLATES, Case, Cases, case_tests, run_case, setting

STORAGES = {"default": {"BACKEND": "django.core.files.storage.FileSystemStorage"}}
REMOTE = "django.core.files.storage.InMemoryStorage"
LOCAL = "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
STATIC = {
    "INSTALLED_APPS": ["django.contrib.staticfiles"],
    "STATIC_URL": "/static/",
    "MIDDLEWARE": [],
}
# Servers in front, and what else serves static files.
SERVED: list[dict[str, str]] = [
    {"Procfile": "web: uwsgi --static-map /static=/srv/static\n"},
    {"Procfile": "web: uwsgi --ini uwsgi.ini\n", "uwsgi.ini": "static-map = /static=/srv/x\n"},
    {"deploykit.ini": "[check]\nstatic = proxy\n"},
]
SERVER_FILES = {
    "deploy/nginx/site.conf": "location /static/ { alias /srv/static/; }",
    "Caddyfile": "handle /static/* { file_server }",
    "docker/shop.conf.j2": "    Alias /static/ /srv/static/",
    "conf/apache.conf": "Alias /static/ /srv/static/",
}
# The project's own folder, and folders inside each other, one of them for Jinja2.
OVERLAPPING = [
    {**TEMPLATES, "DIRS": ["{root}", "{root}/shop/templates"]},
    {
        "BACKEND": "tests.unit.checks.test_staticfiles.OtherTemplates",
        "NAME": "other",
        "DIRS": ["{root}/shop/templates/jinja2"],
        "APP_DIRS": False,
        "OPTIONS": {},
    },
]


class OtherTemplates(BaseEngine):
    """An engine with another syntax, as Jinja2 is."""

    app_dirname = "jinja2"

    def __init__(self, params: dict[str, Any]) -> None:
        """Take what Django gives to an engine."""
        params.pop("OPTIONS")
        super().__init__(params)


urlpatterns = [re_path(r"^static/(?P<path>.*)$", serve)]

handler404 = urls.up
# A site whose URLconf, this module, has a handler404, which needs no template.
OWN_404 = {
    "TEMPLATES": [{**TEMPLATES, "DIRS": ["{root}/templates"]}],
    "ROOT_URLCONF": "tests.unit.checks.test_staticfiles",
}

CASES: Cases = {
    "E601": (
        [setting(INSTALLED_APPS=["django.contrib.staticfiles"], STATIC_ROOT=None)],
        [
            setting(
                INSTALLED_APPS=["django.contrib.staticfiles"], STATIC_ROOT="{root}/staticfiles"
            ),
            setting(STATIC_ROOT=None),
            setting(  # a storage that is no folder
                INSTALLED_APPS=["django.contrib.staticfiles"],
                STATIC_ROOT=None,
                STORAGES={
                    "staticfiles": {"BACKEND": "django.core.files.storage.Storage"},
                },
            ),
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
            ),
            Case(
                {
                    "STATIC_ROOT": "{root}/staticfiles",
                    "STORAGES": {
                        "staticfiles": {
                            "BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
                        }
                    },
                },
                {"staticfiles/staticfiles.json": '{"paths": {}}'},  # a site without static files
                {"server": True},
            ),
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
            ),
            Case(  # only whole names are in a manifest
                {
                    "INSTALLED_APPS": ["django.contrib.staticfiles"],
                    "TEMPLATES": [{**TEMPLATES, "DIRS": ["{root}/templates"]}],
                    "STATIC_URL": "static/",
                    "STORAGES": {**STORAGES, "staticfiles": {"BACKEND": LOCAL}},
                },
                {"templates/a.html": "{% load static %}{% static 'no-' %}{{ name }}"},
            ),
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
                    "templates/a.html": "{% load static %}{% static 'a.css' %}{% static name %}"
                    "{% static 'no_'|add:name %}{% static 'no' %}x.css{% static 'no-' %}{{ name }}",
                    "assets/a.css": "",
                },
            ),
            Case(
                {
                    "INSTALLED_APPS": ["django.contrib.staticfiles"],
                    "TEMPLATES": [{**TEMPLATES, "DIRS": ["{root}/templates"]}],
                    "STATIC_URL": "static/",
                },
                {
                    "templates/a.html": "{# {% static 'no.css' %} #}{% comment %}\n"
                    "{% static 'no.css' %}{% endcomment %}"
                },
            ),
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
            setting(  # uploads go to another machine
                MEDIA_ROOT="{root}/media", STORAGES={"default": {"BACKEND": REMOTE}}
            ),
        ],
    ),
    "W607": (
        [
            setting(
                INSTALLED_APPS=["django.contrib.staticfiles"], STATIC_URL="/static/", MIDDLEWARE=[]
            ),
            Case(
                STATIC, {"nginx.conf": "location / { proxy_pass x; }"}, {"tracked": ("nginx.conf",)}
            ),
            Case({**STATIC, "ROOT_URLCONF": "tests.unit.checks.urls"}),
            Case({**STATIC, "STORAGES": {**STORAGES, "staticfiles": {"BACKEND": LOCAL}}}),
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
            *(Case(STATIC, files) for files in SERVED),
            *(
                Case(STATIC, {name: text}, {"tracked": (name,)})
                for name, text in SERVER_FILES.items()
            ),
            Case({**STATIC, "ROOT_URLCONF": __name__}),
            Case({**STATIC, "STORAGES": {**STORAGES, "staticfiles": {"BACKEND": REMOTE}}}),
        ],
    ),
    "E608": (
        [
            Case(
                {"TEMPLATES": [{**TEMPLATES, "DIRS": ["{root}/templates"]}]},
                {"templates/a.html": "{% if %}"},
            ),
            Case({"TEMPLATES": OVERLAPPING}, {"shop/templates/a.html": "{% if %}"}),
        ],
        [
            Case(
                {"TEMPLATES": OVERLAPPING},
                {
                    "shop/templates/a.html": "fine",
                    "node_modules/x/templates/a.html": "{% if %}",
                    "docs/page.html": "{% raw %}",
                    "shop/templates/jinja2/b.html": "{% set x = 1 %}",
                },
            ),
            Case(
                {"TEMPLATES": [{**TEMPLATES, "DIRS": ["{root}/templates"]}]},
                {"templates/a.html": "{% if a %}{% endif %}"},
            ),
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
            ),
            Case(OWN_404, {"templates/404.html": "{% include missing.name %}"}),
            Case(  # E608 reports it
                {"TEMPLATES": [{**TEMPLATES, "DIRS": ["{root}/templates"]}]},
                {"templates/404.html": "{% if %}"},
            ),
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
            Case(OWN_404, {"templates/500.html": "sorry"}),
        ],
    ),
    "W610": (
        [
            Case(subject={"tracked": ("locale/de/LC_MESSAGES/django.po",)}),
            Case(
                {"LOCALE_PATHS": ["{root}/words"]},
                subject={"tracked": ("words/de/LC_MESSAGES/djangojs.po",)},
            ),
        ],
        [
            Case(
                subject={
                    "tracked": (
                        "locale/de/LC_MESSAGES/django.po",
                        "locale/de/LC_MESSAGES/django.mo",
                    )
                }
            ),
            Case(subject={"tracked": ("locale/tr/id/LC_MESSAGES/django.po",)}),  # not Django's
            Case(
                files={"deploykit.ini": "[bundle]\nbuild = python manage.py compilemessages\n"},
                subject={"tracked": ("locale/de/LC_MESSAGES/django.po",)},
            ),
        ],
    ),
}

test_finds, test_finds_nothing = case_tests(CASES)


UNBUILT = {"templates/a.html": "{% load static %}{% static 'dist/app.js' %}"}


@pytest.mark.parametrize(
    ("files", "settings", "why"),
    [
        ({"package.json": '{"scripts": {"build": "vite build"}}'}, {}, "the build of package.json"),
        ({"deploykit.ini": "[bundle]\nbuild = npm run build\n"}, {}, r"\[bundle\] build"),
        ({}, {"STATICFILES_DIRS": ["{root}/dist"]}, "STATICFILES_DIRS has dist"),
    ],
)
def test_files_that_a_build_writes_are_not_decided(
    files: dict[str, str], settings: dict[str, Any], why: str, tmp_path: Path
) -> None:
    usual = {
        "INSTALLED_APPS": ["django.contrib.staticfiles"],
        "TEMPLATES": [{**TEMPLATES, "DIRS": ["{root}/templates"]}],
        "STATIC_URL": "static/",
    }
    with pytest.raises(Undecided, match=f"1 names of static files, dist/app.js first: {why}"):
        run_case("E603", Case({**usual, **settings}, {**UNBUILT, **files}), tmp_path)


def test_a_file_that_git_ignores_comes_from_a_build(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    usual = {
        "INSTALLED_APPS": ["django.contrib.staticfiles"],
        "TEMPLATES": [{**TEMPLATES, "DIRS": ["{root}/templates"]}],
        "STATICFILES_DIRS": ["{root}/assets"],
        "STATIC_URL": "static/",
    }
    files = {
        ".gitignore": "/assets/dist/\n",
        "assets/a.css": "",
        "templates/a.html": "{% load static %}{% static 'dist/app.js' %}{% static 'no.css' %}",
    }
    found: list[Finding] = []
    with pytest.raises(
        Undecided, match=r"1 names of static files, dist/app\.js first: git ignores"
    ):
        found.extend(run_case("E603", Case({**usual}, files), tmp_path))


def test_an_unknown_tag_library_is_named_without_all_others(tmp_path: Path) -> None:
    usual = {"TEMPLATES": [{**TEMPLATES, "DIRS": ["{root}/templates"]}]}
    (found,) = run_case("E608", Case(usual, {"templates/a.html": "\n{% load no_such %}"}), tmp_path)
    assert found.message.endswith("'no_such' is not a registered tag library")
    assert found.line == 2


def test_many_translations_are_one_finding(tmp_path: Path) -> None:
    names = tuple(f"locale/{code}/LC_MESSAGES/django.po" for code in ("de", "fr", "it"))
    (found,) = run_case("W610", Case(subject={"tracked": names}), tmp_path)
    assert found.message.startswith("locale/de/LC_MESSAGES/django.po and 2 more are not compiled")


def test_a_remote_storage_needs_no_folder(tmp_path: Path) -> None:
    storages = {**STORAGES, "staticfiles": {"BACKEND": REMOTE}}
    case = setting(**{**STATIC, "STATIC_ROOT": None, "STORAGES": storages})
    assert run_case("E601", case, tmp_path) == []


def test_a_wrong_setting_is_not_called_a_broken_error_page(tmp_path: Path) -> None:
    with pytest.raises(ImproperlyConfigured, match="aren't unique"):
        run_case("E609", Case({"TEMPLATES": [TEMPLATES, TEMPLATES]}), tmp_path)
