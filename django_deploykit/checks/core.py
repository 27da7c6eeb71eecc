"""Checks of the settings every site has."""

from __future__ import annotations

import ast
import datetime
import importlib
import os
import re
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django
from django.conf import settings

from django_deploykit.checks.catalogue import Found, check
from django_deploykit.checks.subject import (
    Subject,
    assignments,
    overridden,
    secret_key,
    settings_files,
)
from django_deploykit.conf.readers import secret_problem
from django_deploykit.conf.secret import StandIn

# Ends of support: django's from its download page, Python's from its developer guide (peps 596 ff.).
DJANGO_ENDS = {
    (4, 2): "2026-04-30", (5, 0): "2025-04-02", (5, 1): "2025-12-31", (5, 2): "2028-04-30",
    (6, 0): "2027-04-30", (6, 1): "2027-12-31",
}  # fmt: skip
PYTHON_ENDS = {
    (3, 10): "2026-10-31", (3, 11): "2027-10-31", (3, 12): "2028-10-31",
    (3, 13): "2029-10-31", (3, 14): "2030-10-31",
}  # fmt: skip
DEVELOPMENT_APPS = {
    "debug_toolbar": "django-debug-toolbar",
    "silk": "django-silk",
    "django_browser_reload": "django-browser-reload",
    "django_extensions": "",
    "template_profiler_panel": "django-debug-toolbar-template-profiler",
    "nplusone.ext.django": "nplusone",
}
_DEVELOPMENT_MODULE = re.compile(
    r"(?:^|[._])(dev|development|local|debug|test|tests|testing)(?:$|[._])"
)
_RANDOM = {
    "get_random_secret_key",
    "token_urlsafe",
    "token_hex",
    "urandom",
    "uuid4",
    "get_random_string",
}


@check("E101")
def debug_is_on(subject: Subject) -> Iterator[Found]:
    """DEBUG is on, or is no truth value.

    With DEBUG, Django answers every error with its source, settings and the request's data, keeps
    every SQL query in memory, and serves any Host. The text "False" from an environment variable is
    true in Python.
    """
    if not isinstance(settings.DEBUG, bool):
        kind = type(settings.DEBUG).__name__
        yield Found(
            f"DEBUG is {kind} {settings.DEBUG!r}, no truth value",
            'Write DEBUG = config.bool("DEBUG", default=False).',
            "DEBUG",
        )
    elif settings.DEBUG:
        yield Found("DEBUG is on", 'Write DEBUG = config.bool("DEBUG", default=False).', "DEBUG")


@check("E102")
def weak_secret_key(subject: Subject) -> Iterator[Found]:
    """SECRET_KEY is a placeholder or can be guessed.

    Whoever knows the key forges sessions, password reset links and signed cookies.
    """
    key = secret_key()
    if isinstance(key, StandIn):
        return
    text = key.decode("utf-8", "replace") if isinstance(key, bytes) else str(key)
    problem = secret_problem(text, signing=True)
    if problem:
        yield Found(
            f"SECRET_KEY {problem}",
            "Give every environment its own: python -c 'import secrets; print(secrets.token_urlsafe(50))'.",
            "SECRET_KEY",
        )


@check("E103")
def secret_key_changes(subject: Subject) -> Iterator[Found]:
    """SECRET_KEY is made anew whenever a process starts.

    Every worker then signs with a key of its own: people are logged out at random.
    """
    node = _node(subject, "SECRET_KEY")
    if node is None:
        return
    calls = [call.func for call in ast.walk(node) if isinstance(call, ast.Call)]
    names = {getattr(func, "attr", getattr(func, "id", "")) for func in calls}
    made = sorted(names & _RANDOM)
    if made and secret_key() not in os.environ.values():
        yield Found(
            f"SECRET_KEY comes from {made[0]}() when the settings load, so every process has another",
            'Make one key, keep it outside the code, and read it: config.secret("SECRET_KEY").',
            "SECRET_KEY",
        )


@check("E104")
def secret_key_in_code(subject: Subject) -> Iterator[Found]:
    """SECRET_KEY stands in a file that git tracks.

    Whoever can read the repository, now or later, can sign for the site.
    """
    node = _node(subject, "SECRET_KEY")
    path, _ = subject.place("SECRET_KEY")
    tracked = subject.tracked is None or path in subject.tracked
    texts = [one.value for one in ast.walk(node) if isinstance(one, ast.Constant)] if node else []
    if tracked and secret_key() and secret_key() in texts:
        yield Found(
            "SECRET_KEY is written in the settings",
            'Read it: SECRET_KEY = config.secret("SECRET_KEY"), and make a new key: this one is known.',
            "SECRET_KEY",
        )


@check("W105")
def stale_fallback_keys(subject: Subject) -> Iterator[Found]:
    """SECRET_KEY_FALLBACKS holds the key itself, or more keys than a rotation needs.

    Every key in the list can still sign. Each also costs time on every forged cookie.
    """
    keys = list(settings.SECRET_KEY_FALLBACKS)
    if secret_key() in keys:
        yield Found(
            "SECRET_KEY_FALLBACKS holds SECRET_KEY itself: the rotation changed nothing",
            "Keep only earlier keys there.",
            "SECRET_KEY_FALLBACKS",
        )
    elif len(keys) > 3:
        yield Found(
            f"SECRET_KEY_FALLBACKS holds {len(keys)} keys: a rotation was not finished",
            "Remove keys whose sessions have expired.",
            "SECRET_KEY_FALLBACKS",
        )


@check("E106")
def different_settings(subject: Subject) -> Iterator[Found]:
    """wsgi.py, asgi.py and manage.py name different settings, or those for development.

    The site then runs on other settings than the migrations, the shell and this check.
    """
    named: dict[str, tuple[str, int, str]] = {}
    for path in _entry_files(subject):
        for number, line in enumerate(_lines(path), 1):
            match = re.search(r"DJANGO_SETTINGS_MODULE['\"][\]\s,=]+['\"]([\w.]+)['\"]", line)
            if match:
                relative = str(path.relative_to(subject.root))
                named[relative] = (relative, number, match[1])
    modules = {module for name, _, module in named.values() if name != "manage.py"}
    for name, number, module in named.values():
        if name == "manage.py":
            continue
        if _DEVELOPMENT_MODULE.search(module):
            yield Found(
                f"{name} serves the site with {module}, settings for development",
                "Name the settings for production there.",
                path=name,
                line=number,
            )
        elif len(modules) > 1:
            yield Found(
                f"{name} names {module}, another file {', '.join(sorted(modules - {module}))}",
                "Name the same settings in wsgi.py and asgi.py.",
                path=name,
                line=number,
            )


@check("E107")
def application_does_not_import(subject: Subject) -> Iterator[Found]:
    """WSGI_APPLICATION cannot be imported.

    Every worker dies at its start.
    """
    dotted = settings.WSGI_APPLICATION
    if not dotted:
        return
    module, _, name = dotted.rpartition(".")
    try:
        with warnings.catch_warnings():  # WhiteNoise misses the folder that a bundle collects
            warnings.simplefilter("ignore")
            application = getattr(importlib.import_module(module), name, None)
    except Exception as error:  # noqa: BLE001 - whatever the project's module raises
        yield Found(
            f"WSGI_APPLICATION: {module} fails to import: {type(error).__name__}: {error}",
            "Mend the module, or WSGI_APPLICATION.",
            "WSGI_APPLICATION",
        )
        return
    if not callable(application):
        yield Found(
            f"WSGI_APPLICATION: {module} has no callable {name}",
            "Name the application as module.attribute.",
            "WSGI_APPLICATION",
        )


@check("W108")
def errors_for_developers(subject: Subject) -> Iterator[Found]:
    """Settings that are for hunting bugs are on.

    DEBUG_PROPAGATE_EXCEPTIONS bypasses the 500 page; string_if_invalid and the templates' debug
    option show internals to visitors.
    """
    if settings.DEBUG_PROPAGATE_EXCEPTIONS:
        yield Found(
            "DEBUG_PROPAGATE_EXCEPTIONS is on: errors bypass Django's handling and its 500 page",
            "Remove it.",
            "DEBUG_PROPAGATE_EXCEPTIONS",
        )
    for engine in settings.TEMPLATES:
        options = engine.get("OPTIONS", {})
        if options.get("string_if_invalid"):
            yield Found(
                "TEMPLATES sets string_if_invalid, which visitors see where a variable is missing",
                "Remove it.",
                "TEMPLATES",
            )
        if options.get("debug") and not settings.DEBUG:
            yield Found("TEMPLATES sets debug without DEBUG", "Remove it.", "TEMPLATES")


@check("E109")
def development_apps(subject: Subject) -> Iterator[Found]:
    """Apps for development are installed.

    They show internals to everybody, or are missing from the locked dependencies and keep the site
    from starting.
    """
    for app, package in DEVELOPMENT_APPS.items():
        label = app.partition(".")[0]
        found = [
            one for one in settings.INSTALLED_APPS if one == app or one.startswith(f"{label}.apps.")
        ]
        if found and package:
            yield Found(
                f"INSTALLED_APPS has {found[0]} ({package}), a tool for development",
                "Add it only where DEBUG is on.",
                "INSTALLED_APPS",
            )
    for name in settings.MIDDLEWARE:
        if name.startswith(("debug_toolbar.", "silk.", "django_browser_reload.", "nplusone.")):
            yield Found(
                f"MIDDLEWARE has {name}, a tool for development",
                "Add it only where DEBUG is on.",
                "MIDDLEWARE",
            )


@check("W110")
def out_of_support(subject: Subject) -> Iterator[Found]:
    """Django or Python is past its end of support.

    Security problems are no longer mended.
    """
    today = datetime.datetime.now(tz=datetime.timezone.utc).date().isoformat()
    for name, version, ends in (
        ("Django", django.VERSION[:2], DJANGO_ENDS),
        ("Python", sys.version_info[:2], PYTHON_ENDS),
    ):
        end = ends.get(version, "" if version > max(ends) else "2025-01-01")
        if end and end < today:
            shown = ".".join(str(part) for part in version)
            yield Found(f"{name} {shown} is out of support since {end}", f"Upgrade {name}.")


@check("W111")
def silenced_unknown(subject: Subject) -> Iterator[Found]:
    """SILENCED_SYSTEM_CHECKS names something that no check reports.

    A typo hides nothing today and something else tomorrow.
    """
    from django_deploykit.checks.catalogue import catalogue

    known = catalogue()
    for key in settings.SILENCED_SYSTEM_CHECKS:
        if key.startswith("deploykit.") and key not in known:
            yield Found(
                f"SILENCED_SYSTEM_CHECKS names {key}, which does not exist",
                "See manage.py deploy_check --list.",
                "SILENCED_SYSTEM_CHECKS",
            )
        elif not re.fullmatch(r"[\w]+\.[A-Z]\d{3}|[\w.]+\.[A-Z]+\d+", key):
            yield Found(
                f"SILENCED_SYSTEM_CHECKS names {key!r}, which is no check's id",
                "Ids look like security.W004.",
                "SILENCED_SYSTEM_CHECKS",
            )


@check("W112")
def middleware_order(subject: Subject) -> Iterator[Found]:
    """Middleware stands in an order that undoes it.

    SecurityMiddleware must see every answer, WhiteNoise must come right behind it, CORS before
    whatever may answer by itself.
    """
    names = list(settings.MIDDLEWARE)
    security = "django.middleware.security.SecurityMiddleware"
    noise = "whitenoise.middleware.WhiteNoiseMiddleware"
    cors = "corsheaders.middleware.CorsMiddleware"
    common = "django.middleware.common.CommonMiddleware"
    pairs = [(security, noise), (cors, common), (noise, common)]
    for first, second in pairs:
        if first in names and second in names and names.index(first) > names.index(second):
            short = [name.rpartition(".")[2] for name in (first, second)]
            yield Found(
                f"MIDDLEWARE has {short[0]} behind {short[1]}",
                f"Move {short[0]} before {short[1]}.",
                "MIDDLEWARE",
            )


def _node(subject: Subject, setting: str) -> Any:
    module = sys.modules.get(getattr(settings, "SETTINGS_MODULE", "") or "")
    for path in settings_files(subject.root, module):
        node = assignments(path).get(setting)
        if node is not None:
            return node
    return None


def _entry_files(subject: Subject) -> list[Path]:
    found = [subject.root / "manage.py"]
    for dotted in (settings.WSGI_APPLICATION, getattr(settings, "ASGI_APPLICATION", None)):
        if dotted:
            found.append(
                subject.root.joinpath(*dotted.rpartition(".")[0].split(".")).with_suffix(".py")
            )
    package = (
        str(getattr(settings, "ROOT_URLCONF", "")).rpartition(".")[0]
        if overridden("ROOT_URLCONF")
        else ""
    )
    if package:
        folder = subject.root.joinpath(*package.split("."))
        found += [folder / "wsgi.py", folder / "asgi.py"]
    return [path for path in dict.fromkeys(found) if path.is_file()]


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8", errors="replace").splitlines()
