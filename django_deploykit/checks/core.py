"""Checks of settings that every site has."""

from __future__ import annotations

import ast
import importlib
import re
import sys
import warnings
from collections.abc import Iterator

import django
from django.conf import settings

from django_deploykit.checks.catalogue import catalogue, check
from django_deploykit.checks.finding import Finding, Undecided
from django_deploykit.checks.fresh_settings import key_changes
from django_deploykit.checks.named_settings import iter_named_settings
from django_deploykit.checks.offline import raise_if_offline
from django_deploykit.checks.project_settings import (
    find_assignment,
    has_no_value,
    is_overridden,
    secret_key,
)
from django_deploykit.checks.subject import Subject, today
from django_deploykit.conf.readers import secret_problem

# Ends of support: Django's from its download page, Python's from its developer guide (PEPs 596 ff.).
DJANGO_ENDS = {
    (4, 2): "2026-04-30", (5, 0): "2025-04-02", (5, 1): "2025-12-31", (5, 2): "2028-04-30",
    (6, 0): "2027-04-30", (6, 1): "2027-12-31",
}  # fmt: skip
PYTHON_ENDS = {
    (3, 10): "2026-10-31", (3, 11): "2027-10-31", (3, 12): "2028-10-31",
    (3, 13): "2029-10-31", (3, 14): "2030-10-31",
}  # fmt: skip
# Settings that Django no longer reads: since when, and what it reads instead.
REMOVED_SETTINGS: dict[str, tuple[tuple[int, int], str]] = {
    "DEFAULT_FILE_STORAGE": ((5, 1), "STORAGES"),
    "STATICFILES_STORAGE": ((5, 1), "STORAGES"),
    "PASSWORD_RESET_TIMEOUT_DAYS": ((4, 0), "PASSWORD_RESET_TIMEOUT"),
    "MIDDLEWARE_CLASSES": ((2, 0), "MIDDLEWARE"),
    "TEMPLATE_DIRS": ((1, 10), "TEMPLATES"),
    "TEMPLATE_LOADERS": ((1, 10), "TEMPLATES"),
    "TEMPLATE_CONTEXT_PROCESSORS": ((1, 10), "TEMPLATES"),
    "DATABASE_ENGINE": ((1, 4), "DATABASES"),
    "CACHE_BACKEND": ((1, 5), "CACHES"),
    "AUTH_PROFILE_MODULE": ((1, 7), "AUTH_USER_MODEL"),
}
DEVELOPMENT_APPS = {
    "debug_toolbar": "django-debug-toolbar",
    "silk": "django-silk",
    "django_browser_reload": "django-browser-reload",
    "template_profiler_panel": "django-debug-toolbar-template-profiler",
    "nplusone.ext.django": "nplusone",
}
_DEVELOPMENT_MIDDLEWARE = ("debug_toolbar.", "silk.", "django_browser_reload.", "nplusone.")
_DEVELOPMENT_MODULE = re.compile(
    r"(?:^|[._])(dev|development|local|debug|test|tests|testing)(?:$|[._])"
)
_DEBUG_HINT = 'Write DEBUG = config.bool("DEBUG", default=False).'


@check("E800")
def could_not_run(subject: Subject) -> Iterator[Finding]:
    """A check could not run.

    Its code, or what it reads, raises an exception, or it did not end in time. The report has
    everything that the other checks found, and the exit code is 2.
    """
    yield from ()  # the runner reports it


@check("E101")
def debug_is_on(subject: Subject) -> Iterator[Finding]:
    """DEBUG is on, or is not a boolean.

    With DEBUG on, Django shows source code, settings and request data on every error page, keeps
    every SQL query in memory and accepts local host names. The string "False" from an environment
    variable is true in Python.
    """
    if not isinstance(settings.DEBUG, bool):
        kind = type(settings.DEBUG).__name__
        yield Finding(
            f"DEBUG is the {kind} {settings.DEBUG!r}, not a boolean", _DEBUG_HINT, "DEBUG"
        )
    elif settings.DEBUG:
        yield Finding("DEBUG is on", _DEBUG_HINT, "DEBUG")


@check("E102")
def weak_secret_key(subject: Subject) -> Iterator[Finding]:
    """SECRET_KEY is a placeholder, or can be guessed.

    Anyone who knows the key can forge sessions, password reset links and signed cookies.
    """
    key = secret_key()
    for_builds = key in dict(subject.project.environment).values()
    if not subject.server and (for_builds or has_no_value(subject.root, "SECRET_KEY")):
        raise Undecided("SECRET_KEY has no value here; hosts configure it")
    if subject.once("SECRET_KEY changes", lambda: key_changes(subject.root)):
        raise Undecided("SECRET_KEY is another one in every process (E103)")
    text = key.decode("utf-8", "replace") if isinstance(key, bytes) else str(key)
    problem = secret_problem(text, signing=True)
    if problem:
        yield Finding(
            f"SECRET_KEY {problem}",
            "Use a random key for each environment: "
            "python -c 'import secrets; print(secrets.token_urlsafe(50))'.",
            "SECRET_KEY",
        )


@check("E103")
def secret_key_changes(subject: Subject) -> Iterator[Finding]:
    """SECRET_KEY is generated each time a process starts.

    Every worker then signs with a different key, and visitors are logged out at random.
    """
    if subject.once("SECRET_KEY changes", lambda: key_changes(subject.root)):
        yield Finding(
            "SECRET_KEY is generated when the settings load, so every process has a different key",
            'Generate one key, keep it outside the code, and read it: config.secret("SECRET_KEY").',
            "SECRET_KEY",
        )


@check("E104")
def secret_key_in_code(subject: Subject) -> Iterator[Finding]:
    """SECRET_KEY is in a file that git tracks.

    Anyone who can read the repository, now or later, can sign data for the site.
    """
    node = find_assignment(subject.root, "SECRET_KEY")
    path, _ = subject.place("SECRET_KEY")
    tracked = subject.tracked is None or path in subject.tracked
    texts = [one.value for one in ast.walk(node) if isinstance(one, ast.Constant)] if node else []
    if tracked and secret_key() and secret_key() in texts:
        yield Finding(
            "SECRET_KEY is written in the settings",
            "Use a new key, because this one is known, and read it: "
            'SECRET_KEY = config.secret("SECRET_KEY").',
            "SECRET_KEY",
        )


@check("W105")
def stale_fallback_keys(subject: Subject) -> Iterator[Finding]:
    """SECRET_KEY_FALLBACKS contains SECRET_KEY itself, or more keys than a rotation needs.

    Every key in the list can still sign, and costs time for each forged cookie.
    """
    keys = list(settings.SECRET_KEY_FALLBACKS)
    if secret_key() in keys:
        yield Finding(
            "SECRET_KEY_FALLBACKS contains SECRET_KEY itself, so the key was not rotated",
            "Keep only earlier keys in SECRET_KEY_FALLBACKS.",
            "SECRET_KEY_FALLBACKS",
        )
    elif len(keys) > 3:
        yield Finding(
            f"SECRET_KEY_FALLBACKS contains {len(keys)} keys; expected at most 3",
            "Finish the rotation: remove keys whose sessions have expired.",
            "SECRET_KEY_FALLBACKS",
        )


@check("E106")
def different_settings(subject: Subject) -> Iterator[Finding]:
    """The site is served with development settings, or with several settings modules.

    wsgi.py, asgi.py and [project] settings of deploykit.ini name the settings. The site then runs
    with other settings than the migrations, the shell and this check. A release sets
    DJANGO_SETTINGS_MODULE to [project] settings, which setdefault in wsgi.py does not change.
    """
    named = list(iter_named_settings(subject))
    modules = {one.module for one in named}
    for one in named:
        if _DEVELOPMENT_MODULE.search(one.module):
            problem = f"{one.path} uses {one.module}, which are settings for development"
        elif len(modules) > 1:
            others = ", ".join(sorted(modules - {one.module}))
            problem = f"{one.path} uses {one.module}, but another file uses {others}"
        else:
            continue
        yield Finding(
            problem,
            "Name the same production settings everywhere.",
            path=one.path,
            line=one.line,
        )


@check("E107")
def application_does_not_import(subject: Subject) -> Iterator[Finding]:
    """WSGI_APPLICATION cannot be imported.

    Every worker would exit when it starts.
    """
    dotted = settings.WSGI_APPLICATION
    if not dotted:
        return
    module, _, name = dotted.rpartition(".")
    try:
        with warnings.catch_warnings():  # WhiteNoise warns that a bundle's static folder is missing
            warnings.simplefilter("ignore")
            application = getattr(importlib.import_module(module), name, None)
    except Exception as error:  # noqa: BLE001 - a project's module may raise anything
        raise_if_offline(error)
        yield Finding(
            f"WSGI_APPLICATION: importing {module} failed: {type(error).__name__}: {error}",
            "Correct the module, or WSGI_APPLICATION.",
            "WSGI_APPLICATION",
        )
        return
    if not callable(application):
        yield Finding(
            f"WSGI_APPLICATION: {module} has no callable {name}",
            "Write the application as module.attribute.",
            "WSGI_APPLICATION",
        )


@check("W108")
def debugging_settings(subject: Subject) -> Iterator[Finding]:
    """Debugging settings are on.

    DEBUG_PROPAGATE_EXCEPTIONS bypasses the 500 page; string_if_invalid and the debug option of
    templates show internals to visitors. WHITENOISE_AUTOREFRESH looks for files at every request,
    and template loaders without the cached one read and compile templates at every request.
    """
    for name in ("WHITENOISE_AUTOREFRESH", "WHITENOISE_USE_FINDERS"):
        if getattr(settings, name, False) and not settings.DEBUG:
            yield Finding(f"{name} is on, which is only for development", "Remove it.", name)
    if settings.DEBUG_PROPAGATE_EXCEPTIONS:
        yield Finding(
            "DEBUG_PROPAGATE_EXCEPTIONS is on: errors bypass Django's error handling and 500 page",
            "Remove it.",
            "DEBUG_PROPAGATE_EXCEPTIONS",
        )
    for engine in settings.TEMPLATES:
        options = engine.get("OPTIONS", {})
        if options.get("string_if_invalid"):
            yield Finding(
                "TEMPLATES sets string_if_invalid, which visitors see for missing variables",
                "Remove it.",
                "TEMPLATES",
            )
        loaders = [
            str(one[0] if isinstance(one, (list, tuple)) else one)
            for one in options.get("loaders") or ()
        ]
        if loaders and not any(one.endswith("cached.Loader") for one in loaders):
            yield Finding(
                "TEMPLATES sets loaders without the cached one: templates are compiled at every request",
                "Remove the option loaders, or wrap them in django.template.loaders.cached.Loader.",
                "TEMPLATES",
            )
        if options.get("debug") and not settings.DEBUG:
            yield Finding(
                "TEMPLATES sets the option debug although DEBUG is off", "Remove it.", "TEMPLATES"
            )


@check("E109")
def development_apps(subject: Subject) -> Iterator[Finding]:
    """Development tools are installed.

    They show internals to every visitor, or are missing from the locked dependencies, so that the
    site does not start.
    """
    hint = "Add it only if DEBUG is on."
    for app, package in DEVELOPMENT_APPS.items():
        config = f"{app.partition('.')[0]}.apps."
        for name in settings.INSTALLED_APPS:
            if name == app or name.startswith(config):
                yield Finding(
                    f"INSTALLED_APPS contains {name} ({package}), a development tool",
                    hint,
                    "INSTALLED_APPS",
                )
                break
    for name in settings.MIDDLEWARE:
        if name.startswith(_DEVELOPMENT_MIDDLEWARE):
            yield Finding(f"MIDDLEWARE contains {name}, a development tool", hint, "MIDDLEWARE")


@check("E114")
def ignored_settings(subject: Subject) -> Iterator[Finding]:
    """The settings set something that this version of Django ignores.

    It does not complain. Without DEFAULT_FILE_STORAGE, for example, uploads go to the local disk.
    """
    for name, (since, instead) in REMOVED_SETTINGS.items():
        if django.VERSION[:2] < since or not hasattr(settings, name):
            continue
        if is_overridden(name) and not is_overridden(instead):
            yield Finding(
                f"{name} is ignored since Django {since[0]}.{since[1]}",
                f"Set {instead} instead.",
                name,
            )


@check("W110")
def out_of_support(subject: Subject) -> Iterator[Finding]:
    """Django or Python is no longer supported.

    Security problems are no longer fixed.
    """
    for name, version, ends in (
        ("Django", django.VERSION[:2], DJANGO_ENDS),
        ("Python", sys.version_info[:2], PYTHON_ENDS),
    ):
        end = ends.get(version, "" if version > max(ends) else "2025-01-01")
        if end and end < today():
            shown = ".".join(str(part) for part in version)
            yield Finding(f"support for {name} {shown} ended on {end}", f"Upgrade {name}.")


@check("W111")
def silenced_unknown(subject: Subject) -> Iterator[Finding]:
    """SILENCED_SYSTEM_CHECKS contains an id that no check has.

    A typo hides nothing now, and might hide something else later.
    """
    known = catalogue()
    for key in settings.SILENCED_SYSTEM_CHECKS:
        if key.startswith("deploykit.") and key not in known:
            yield Finding(
                f"SILENCED_SYSTEM_CHECKS contains {key}, which does not exist",
                "List the ids: manage.py deploy_check --list.",
                "SILENCED_SYSTEM_CHECKS",
            )
        elif not re.fullmatch(r"[\w]+\.[A-Z]\d{3}|[\w.]+\.[A-Z]+\d+", key):
            yield Finding(
                f"SILENCED_SYSTEM_CHECKS contains {key!r}, which is not the id of a check",
                "Ids look like security.W004.",
                "SILENCED_SYSTEM_CHECKS",
            )


@check("W112")
def middleware_order(subject: Subject) -> Iterator[Finding]:
    """Middleware is in an order that makes it ineffective.

    SecurityMiddleware must see every response, WhiteNoise must follow it directly, and the CORS
    middleware must precede any middleware that can generate a response.
    """
    names = list(settings.MIDDLEWARE)
    security = "django.middleware.security.SecurityMiddleware"
    noise = "whitenoise.middleware.WhiteNoiseMiddleware"
    cors = "corsheaders.middleware.CorsMiddleware"
    common = "django.middleware.common.CommonMiddleware"
    for first, second in [(security, noise), (cors, common), (noise, common)]:
        if first in names and second in names and names.index(first) > names.index(second):
            short = [name.rpartition(".")[2] for name in (first, second)]
            yield Finding(
                f"MIDDLEWARE has {short[0]} after {short[1]}",
                f"Move {short[0]} before {short[1]}.",
                "MIDDLEWARE",
            )
