"""Shops whose settings read environment variables, with a library or without one."""

from __future__ import annotations

import re
from pathlib import Path

from tests.projects import commit, make_shop, run, uv

KEY = "vXk9-w3RtB7pLqZ2mN8sHd5GjYcF4aTe6UiO1xQhWbKnMz0rPsDv"
# What the settings read: the lines that differ from those of `testproject/`.
_PLAIN = """
import os

env = os.environ
DEBUG = env.get("DEBUG") == "yes"
SECRET_KEY = env["SECRET_KEY"]
ALLOWED_HOSTS = env["ALLOWED_HOSTS"].split(",")
DATABASE = {"ENGINE": "django.db.backends.sqlite3", "NAME": env["DATABASE_URL"].partition("///")[2]}
SECURE = env.get("SECURE", "yes") == "yes"
SHOP_CURRENCY = env.get("SHOP_CURRENCY", "EUR")
DATA = Path(env.get("DATA", "/var/lib/shop"))
"""
_DECOUPLE = """
from decouple import Csv, config

DEBUG = config("DEBUG", default=False, cast=bool)
SECRET_KEY = config("SECRET_KEY")
ALLOWED_HOSTS = config("ALLOWED_HOSTS", cast=Csv())
DATABASE = {
    "ENGINE": "django.db.backends.sqlite3",
    "NAME": config("DATABASE_URL", cast=lambda url: url.partition("///")[2]),
}
SECURE = config("SECURE", default=True, cast=bool)
SHOP_CURRENCY = config("SHOP_CURRENCY", default="EUR")
DATA = config("DATA", default="/var/lib/shop", cast=Path)
"""
_ENVIRON = """
import environ

env = environ.Env(DEBUG=(bool, False), SECURE=(bool, True))
DEBUG = env("DEBUG")
SECRET_KEY = env("SECRET_KEY")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS")
DATABASE = env.db("DATABASE_URL")
SECURE = env("SECURE")
SHOP_CURRENCY = env("SHOP_CURRENCY", default="EUR")
DATA = Path(env("DATA", default="/var/lib/shop"))
"""
LIBRARIES = {"os.environ": _PLAIN, "python-decouple": _DECOUPLE, "django-environ": _ENVIRON}
# All that such a project needs, besides the package in its lock file.
_ENVIRONMENT = (
    "environment = SECRET_KEY=build ALLOWED_HOSTS=localhost DATABASE_URL=sqlite:////tmp/build"
)


def settings(library: str, original: str) -> str:
    """Return the settings of ``testproject/`` without our helpers and our app."""
    head, _, rest = original.partition("from django_deploykit.conf import Config\n")
    rest = rest.replace('config = Config("shop")\n', "").replace('    "django_deploykit",\n', "")
    text = head + rest
    base = "BASE_DIR = Path(__file__).resolve().parent.parent\n"
    options = '{"transaction_mode": "IMMEDIATE", "timeout": 20}'
    database = f'DATABASES = {{"default": {{**DATABASE, "OPTIONS": {options}}}}}\n'
    for pattern, line in (
        (
            r"(?m)^(DEBUG|SECRET_KEY|ALLOWED_HOSTS|CSRF_TRUSTED_ORIGINS|SHOP_CURRENCY) = config.*\n",
            "",
        ),
        (r"(?ms)^SECURE = config.*?^\)\n", ""),
        (r"(?ms)^DATABASES = .*?^\}\n", database),
        (r"config\.data", "DATA"),
        (r"config\.str\([^)]*\)", '"shop@example.org"'),
        (r"(?m)^globals.*$", 'EMAIL_HOST, EMAIL_PORT, EMAIL_TIMEOUT = "mail.example.org", 25, 10'),
        (r"(?m)^LOGGING = .*\n", ""),
    ):
        text = re.sub(pattern, line, text)
    assert "config." not in text, text
    return text.replace(base, base + LIBRARIES[library])


def make_environ_shop(folder: Path, library: str, port: int) -> Path:
    """Return a shop that reads environment variables, in two commits: before and after our changes."""
    project = make_shop(folder, port)
    path, ini = project / "shop" / "settings.py", project / "deploykit.ini"
    listening = ini.read_text(encoding="utf-8").partition("[environment:local]")[2]
    path.write_text(settings(library, path.read_text(encoding="utf-8")), encoding="utf-8")
    ini.write_text(f"[environment:local]{listening}", encoding="utf-8")
    if library == "django-environ":
        lock(project, library)
    commit(project, "Read the environment")
    text = path.read_text(encoding="utf-8")
    apps = "INSTALLED_APPS = [\n"
    assert apps in text
    path.write_text(text.replace(apps, apps + '    "django_deploykit",\n'), encoding="utf-8")
    ini.write_text(f"[bundle]\n{_ENVIRONMENT}\n{ini.read_text(encoding='utf-8')}", encoding="utf-8")
    commit(project, "Release it", "2026-11-23T04:16:00Z")
    return project


def lock(project: Path, distribution: str, *options: str) -> None:
    """Add a distribution with its hashes to the lock file. ``options`` are those of uv."""
    wanted = project / "more.in"
    wanted.write_text(f"{distribution}\n", encoding="utf-8")
    words = ("pip", "compile", "-q", "--generate-hashes", "--no-header", *options, "more.in")
    found = run(uv(), *words, cwd=project)
    wanted.unlink()
    with (project / "requirements.txt").open("a", encoding="utf-8") as file:
        file.write(found)


def changed_lines(project: Path) -> int:
    """Return how many lines the last commit added and removed."""
    rows = run("git", "diff", "--numstat", "HEAD~1", "HEAD", cwd=project).splitlines()
    return sum(int(number) for row in rows for number in row.split()[:2])
