"""The project to measure on: a Django site of 36 distributions, made anew for each run.

Its lock is committed beside this file (``requirements.in`` says what was asked for), so that two runs
measure the same site.
"""

from __future__ import annotations

import argparse
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from benchmarks import site_parts
from tests.projects import commit, run, start_repository, uv, vendor

HERE = Path(__file__).resolve().parent
_MANAGE = '''\
#!/usr/bin/env python
"""Django's command line."""
import os
import sys


def main():
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
'''
_SETTINGS = '''\
"""Settings of the measured site."""
from pathlib import Path

{imports}
from django_deploykit.conf import Config

config = Config("site")
BASE_DIR = Path(__file__).resolve().parent
DEBUG = config.bool("DEBUG", default=False)
SECRET_KEY = config.secret("SECRET_KEY")
ALLOWED_HOSTS = config.hosts("ALLOWED_HOSTS", default=["localhost", "127.0.0.1"])
INSTALLED_APPS = [
    "django_deploykit",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
{apps}
    "pages",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "site_urls"
WSGI_APPLICATION = "site_wsgi.application"
TEMPLATES = [
    {{
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {{
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        }},
    }}
]
DATABASES = {{
    "default": config.database("DATABASE_URL", default=f"sqlite:///{{config.data / 'db.sqlite3'}}")
}}
LOGGING = config.logging()
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STORAGES = {{
    "default": {{"BACKEND": "django.core.files.storage.FileSystemStorage"}},
    "staticfiles": {{"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}},
}}
'''
IMPORTS = """\
import boto3  # noqa: F401
import celery
import PIL.Image  # noqa: F401
import psycopg  # noqa: F401
import redis  # noqa: F401
import requests  # noqa: F401
import sentry_sdk

sentry_sdk.init(dsn=None)
queue = celery.Celery("site")
"""
_WSGI = """\
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_settings")
application = get_wsgi_application()
"""
_URLS = """\
from django.contrib import admin
from django.urls import path

from pages.views import page

urlpatterns = [path("admin/", admin.site.urls), path("", page), path("<int:number>/", page)]
"""
_VIEWS = """\
from django.shortcuts import render

GREETING = "Hello 0"


def page(request, number=0):
    rows = [{"name": f"Row {row}", "price": row * 1.5} for row in range(50)]
    context = {"greeting": GREETING, "rows": rows, "number": number}
    return render(request, f"pages/page{number}.html", context)
"""
_MODELS = """\
from django.db import models

EDITION = 0


class Page(models.Model):
    title = models.CharField(max_length=200)
    text = models.TextField(blank=True)
"""
_MIGRATION = """\
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    operations = [
        migrations.CreateModel(
            "Page",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False)),
                ("title", models.CharField(max_length=200)),
                ("text", models.TextField(blank=True)),
            ],
        ),
    ]
"""
_TEMPLATE = """\
{% extends "pages/base.html" %}{% load static %}
{% block body %}<h1>{{ greeting }}, page {{ number }}</h1>
<img src="{% static 'pages/picture3.png' %}">
<ul>{% for row in rows %}<li>{{ row.name }}: {{ row.price|floatformat:2 }}</li>{% endfor %}</ul>{% endblock %}
"""
_BASE = """\
{% load static %}<!doctype html><title>{% block title %}Site{% endblock %}</title>
<link rel="stylesheet" href="{% static 'pages/style0.css' %}">
<body>{% block body %}{% endblock %}</body>
"""


@dataclass(frozen=True)
class Size:
    """How much there is to measure on; without ``large``, the smallest lock that runs.

    ``nested`` static files lie in folders and refer to each other. If there are ``modules`` or
    ``migrations``, they are an app of their own, ``parts``. ``history``, which needs ``nested``, and
    ``film`` are in MB.
    """

    templates: int = 30
    static: int = 200
    large: bool = True
    nested: bool = False
    modules: int = 0
    migrations: int = 0
    distributions: int = 0
    history: int = 0
    film: int = 0
    processes: int = 1

    @property
    def parts(self) -> bool:
        """Whether the site has the app ``parts``."""
        return bool(self.modules or self.migrations)


FULL = Size()
TINY = Size(templates=3, static=5, large=False)


def make_site(folder: Path, size: Size, ini: str = "") -> Path:
    """Write the project below ``folder`` as a repository; returns its path.

    ``ini`` is added to its ``deploykit.ini``.
    """
    project = folder / "site"
    static = project / "pages" / "static" / "pages"
    static.mkdir(parents=True)
    for path, text in _texts(size, ini).items():
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_text(text, encoding="utf-8")
    for path, data in _static_files(size):
        (static / path).parent.mkdir(parents=True, exist_ok=True)
        (static / path).write_bytes(data)
    if size.film:
        site_parts.add_large_file(static, size.film)
    shutil.copy(lock_of(size), project / "requirements.txt")
    vendor(project)
    site_parts.add_distributions(project, size.distributions)
    if (
        size.nested
    ):  # git packs thousands of loose objects by itself, in the middle of a measurement
        run("git", "init", "-q", "-b", "main", cwd=project)
        run("git", "config", "gc.auto", "0", cwd=project)
    if size.history:
        site_parts.add_history(project, size.history)
    start_repository(project)
    if size.nested:
        run("git", "-c", "pack.window=0", "gc", "-q", cwd=project)
    return project


def _texts(size: Size, ini: str) -> dict[str, str]:
    """Return what is written as text, by path."""
    apps = ['    "rest_framework",'] if size.large else []
    apps += ['    "parts",'] if size.parts else []
    texts = {
        "manage.py": _MANAGE,
        "site_settings.py": _SETTINGS.format(
            imports=IMPORTS if size.large else "", apps="\n".join(apps)
        ),
        "site_wsgi.py": _WSGI,
        "site_urls.py": _URLS,
        "wait.py": site_parts.WAIT,
        "pages/__init__.py": "",
        "pages/migrations/__init__.py": "",
        "pages/migrations/0001_initial.py": _MIGRATION,
        "pages/models.py": _MODELS,
        "pages/views.py": _VIEWS,
        "pages/templates/pages/base.html": _BASE,
        "deploykit.ini": f"[project]\nname = site\n{ini}",
        "Procfile": site_parts.process_lines(size.processes),
        ".gitignore": "__pycache__/\n.deploykit/\nstaticfiles/\n",
    }
    for number in range(size.templates):
        texts[f"pages/templates/pages/page{number}.html"] = _TEMPLATE
    if size.parts:
        texts.update(site_parts.part_texts(size.modules, size.migrations))
    return texts


def _static_files(size: Size) -> Iterator[tuple[str, bytes]]:
    """Yield static files; the templates name the first style sheet and the third picture."""
    if not size.nested:
        yield from map(static_file, range(size.static))
        return
    yield from (static_file(number) for number in (0, 3))
    yield from site_parts.nested_static_files(size.static)


def lock_of(size: Size) -> Path:
    """Return the committed lock that a site of this size has."""
    return HERE / "requirements.txt" if size.large else HERE.parent / "testproject/requirements.txt"


def static_file(number: int) -> tuple[str, bytes]:
    """Return a static file: of five, two are pictures, two style sheets, one a script.

    Pictures are what a site has most bytes of, and nothing compresses them.
    """
    rows = range(60)
    if number % 5 < 2:
        text = [f".c{number}-{row} {{ margin: {row}px; color: #{row:06x} }}" for row in rows]
        first = ['@import "style1.css";'] if number > 5 else []
        return f"style{number // 5 * 2 + number % 5}.css", "\n".join(first + text).encode()
    if number % 5 == 2:
        text = [f"export const value{row} = {row * number} + {row};" for row in rows]
        return f"script{number // 5}.js", "\n".join(text).encode()
    chance = random.Random(number)
    return f"picture{number}.png", b"\x89PNG\r\n\x1a\n" + chance.randbytes(
        chance.randrange(10, 110) << 10
    )


def change_a_line(project: Path, number: int, *, loaded: bool = False) -> str:
    """Change one line of the app and commit it; returns the commit.

    It is a view's, or a model's, which is ``loaded`` to collect static files.
    """
    path = project / "pages" / ("models.py" if loaded else "views.py")
    begin = "EDITION = " if loaded else "GREETING = "
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    place = next(index for index, line in enumerate(lines) if line.startswith(begin))
    lines[place] = f'{begin}"Hello {number}"\n'
    path.write_text("".join(lines), encoding="utf-8")
    hour, minute = divmod(number, 60)
    return commit(project, f"Greet {number}", f"2026-11-23T{5 + hour:02}:{minute:02}:00Z")


def change_a_style_sheet(project: Path, number: int) -> str:
    """Change one style sheet, to which no other refers, and commit it; returns the commit."""
    path = project / "pages" / "static" / "pages" / "section0" / "page0" / "style2.css"
    text, _, _ = path.read_text(encoding="utf-8").partition("/*")
    path.write_text(f"{text}/* {number} */", encoding="utf-8")
    hour, minute = divmod(number, 60)
    return commit(project, f"Style {number}", f"2026-11-24T{hour:02}:{minute:02}:00Z")


def add_a_style_sheet(project: Path, number: int) -> str:
    """Add one style sheet, to which no other refers, and commit it; returns the commit."""
    folder = project / "pages" / "static" / "pages" / "section0" / "page0"
    (folder / f"more{number}.css").write_text(f"/* {number} */", encoding="utf-8")
    hour, minute = divmod(number, 60)
    return commit(project, f"Add {number}", f"2026-11-24T{hour:02}:{minute:02}:00Z")


def make_virtualenv(folder: Path, project: Path, *more: str) -> Path:
    """Install the project's lock into a virtualenv, and ``more``; returns its Python."""
    python = folder / "bin" / "python"
    run(uv(), "venv", "-q", folder)
    install: list[str | Path] = [uv(), "pip", "install", "-q", "--no-deps", "--python", python]
    run(*install, "--require-hashes", "-r", "requirements.txt", cwd=project)
    if more:
        run(uv(), "pip", "install", "-q", "--python", python, *more)
    return python


def main(arguments: list[str]) -> int:
    """``python -m benchmarks site FOLDER --static 20000``: make a site, to try something by hand."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks site", description=main.__doc__)
    parser.add_argument("folder", type=Path, help="the project is written to FOLDER/site")
    parser.add_argument("--port", type=int, default=8765, help="where `local` listens")
    small = Size(large=False, nested=True)
    for one in fields(Size):
        if one.type == "int":
            parser.add_argument(f"--{one.name}", type=int, default=getattr(small, one.name))
    parser.add_argument("--large", action="store_true", help="with the lock of 36 distributions")
    options = vars(parser.parse_args(arguments))
    folder, port = options.pop("folder"), options.pop("port")
    print(make_site(folder, Size(nested=True, **options), local_ini(port)))
    return 0


def local_ini(port: int) -> str:
    """Return what makes the environment ``local`` listen on a port."""
    return f"\n[environment:local]\nlisten = 127.0.0.1:{port}\nhealth = /\n"
