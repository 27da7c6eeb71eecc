"""Settings under ``manage.py deploy_check``: mistakes of one line, errors, several modules."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.integration.checking import DEPLOY_CHECK, KEY, check, copy, python
from tests.projects import commit, manage

CACHE = "django.core.cache.backends.locmem.LocMemCache"

# Mistakes of one line in settings that are otherwise clean, and the check that finds each. Django's
# own ``check --deploy`` exits with 0 for all of them, and does not mention fifteen.
MISTAKES = {
    "DEBUG": ("DEBUG = True", "deploykit.E101"),
    "stock key": (f"SECRET_KEY = 'django-insecure-{KEY}'", "deploykit.E102"),
    "no hosts": ("ALLOWED_HOSTS = []", "security.W020"),
    "any host": ("ALLOWED_HOSTS = ['*']", "deploykit.W201"),
    "host with scheme": ("ALLOWED_HOSTS = ['https://shop.example.org']", "deploykit.E202"),
    "host in quotes": ("ALLOWED_HOSTS = ['\"shop.example.org\"']", "deploykit.E202"),
    "placeholder key": (
        "SECRET_KEY = 'change-me-in-production-' + 'please-' * 5",
        "deploykit.E102",
    ),
    "cache of one process": (
        f"CACHES = {{'default': {{'BACKEND': '{CACHE}'}}}}",
        "deploykit.W501",
    ),
    "relative SQLite": (
        "DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': 'db.sqlite3'}}",
        "deploykit.E401",
    ),
    "mail to the console": (
        "EMAIL_BACKEND = 'django.core.mail.backends.console.EmailBackend'",
        "deploykit.E701",
    ),
    "no STATIC_ROOT": ("STATIC_ROOT = None", "deploykit.E601"),
    "MD5": (
        "PASSWORD_HASHERS = ['django.contrib.auth.hashers.MD5PasswordHasher']",
        "deploykit.E304",
    ),
    "propagated exceptions": ("DEBUG_PROPAGATE_EXCEPTIONS = True", "deploykit.W108"),
    "origin with slash": ("CSRF_TRUSTED_ORIGINS = ['https://shop.example.org/']", "deploykit.E204"),
    "exempt with slash": ("SECURE_REDIRECT_EXEMPT = [r'^/up$']", "deploykit.E209"),
    "preload of an hour": (
        "SECURE_HSTS_PRELOAD, SECURE_HSTS_SECONDS = True, 3600",
        "deploykit.W211",
    ),
    "foreign cookie domain": (
        "SESSION_COOKIE_DOMAIN, ALLOWED_HOSTS = 'other.org', ['shop.example.org']",
        "deploykit.E302",
    ),
    "sessions of one process": (
        "SESSION_ENGINE = 'django.contrib.sessions.backends.cache'",
        "deploykit.E502",
    ),
}

# Mistakes that can be made in one settings module, because none hides another.
TOGETHER = (
    (
        "stock key",
        "any host",
        "cache of one process",
        "relative SQLite",
        "mail to the console",
        "no STATIC_ROOT",
        "MD5",
        "propagated exceptions",
    ),
    (
        "placeholder key",
        "host with scheme",
        "origin with slash",
        "exempt with slash",
        "preload of an hour",
        "sessions of one process",
    ),
    ("DEBUG", "no hosts"),
    ("host in quotes",),
    ("foreign cookie domain",),
)

BROKEN = {
    "a name that is none": ("X = nothing_of_this_name", "NameError"),
    "a module that is missing": ("import no_such_module", "ModuleNotFoundError"),
    "a syntax error behind an import": ("from shop import broken", "broken.py:2: SyntaxError"),
    "an app that is missing": (
        "INSTALLED_APPS += ['no_such_app.apps']",
        "no_such_app.apps of INSTALLED_APPS: shop/settings.py:",
    ),
    "a log file in no folder": (
        (
            "LOGGING = {'version': 1, 'handlers': {'x': {'class': 'logging.FileHandler', "
            "'filename': '/nowhere/x.log'}}, 'root': {'handlers': ['x']}}"
        ),
        "/nowhere/x.log",
    ),
    "a typo in the configuration": ("X = config.bool('SHOP_TYPO')", "SHOP_TYPO: expected true"),
}


@pytest.mark.parametrize("names", TOGETHER, ids=" and ".join)
def test_finds_each_mistake_of_one_line(
    names: tuple[str, ...], clean: Path, tmp_path: Path
) -> None:
    project = copy(clean, tmp_path, "\n".join(MISTAKES[name][0] for name in names))
    data = check(project)
    text = (project / "shop" / "settings.py").read_text(encoding="utf-8").splitlines()
    wanted = {MISTAKES[name][1]: text.index(MISTAKES[name][0]) + 1 for name in names}
    found = {one["id"]: (one["path"], one["line"]) for one in data["findings"]}
    for key, line in wanted.items():
        assert found.get(key) == ("shop/settings.py", line), key
    # One line is one mistake: nothing else is reported.
    assert found.keys() - {"deploykit.E104", "deploykit.W402"} == wanted.keys()
    # Django's own check shows it too, with the same id.
    django = manage(project, "check", "--deploy", SECRET_KEY=KEY)
    assert [key for key in wanted if key not in django.stdout + django.stderr] == []


def test_all_mistakes_are_eighteen() -> None:
    assert len(MISTAKES) == 18
    assert sorted(name for names in TOGETHER for name in names) == sorted(MISTAKES)


@pytest.mark.parametrize("name", BROKEN)
def test_settings_that_do_not_load_are_reported_with_their_place(
    name: str, clean: Path, tmp_path: Path
) -> None:
    line, says = BROKEN[name]
    project = copy(clean, tmp_path, line)
    (project / "shop" / "broken.py").write_text("\nx ==\n", encoding="utf-8")
    done = manage(project, *DEPLOY_CHECK, SHOP_TYPO="Flase")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert says in done.stderr
    assert done.stdout == ""
    if "settings do not load" in done.stderr and "broken.py" not in says:
        number = len((project / "shop" / "settings.py").read_text(encoding="utf-8").splitlines())
        assert f"shop/settings.py:{number}: " in done.stderr


def test_the_module_reports_settings_that_cannot_be_parsed(clean: Path, tmp_path: Path) -> None:
    project = copy(clean, tmp_path)
    (project / "shop" / "settings.py").write_text("x = 1\ny ==\n", encoding="utf-8")
    done = python(project, "-m", "django_deploykit", *DEPLOY_CHECK)
    assert done.returncode == 2
    assert "error: the settings do not load: shop/settings.py:2: SyntaxError" in done.stderr
    assert "Traceback" not in done.stderr


def test_of_several_settings_modules_the_one_that_serves_the_site_is_checked(
    stock: Path, tmp_path: Path
) -> None:
    project = tmp_path / "several"
    shutil.copytree(stock, project)
    folder = project / "site_" / "settings"
    folder.mkdir()
    text = (project / "site_" / "settings.py").read_text(encoding="utf-8")
    (project / "site_" / "settings.py").unlink()
    base = text.replace(".parent.parent", ".parent.parent.parent")
    (folder / "__init__.py").write_text("", encoding="utf-8")
    (folder / "base.py").write_text(base, encoding="utf-8")
    (folder / "local.py").write_text(
        "from .base import *\nDEBUG = True\nSECRET_KEY = 'dev'\nALLOWED_HOSTS = ['*']\n",
        encoding="utf-8",
    )
    (folder / "production.py").write_text("from .base import *\n", encoding="utf-8")
    for name, module in (
        ("manage", "local"),
        ("site_/wsgi", "production"),
        ("site_/asgi", "production"),
    ):
        path = project / f"{name}.py"
        path.write_text(
            path.read_text(encoding="utf-8").replace("site_.settings", f"site_.settings.{module}"),
            encoding="utf-8",
        )
    commit(project)
    done = manage(project, *DEPLOY_CHECK)
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-1].startswith("no problems found")
    assert "site_.settings.production" in done.stderr
    chosen = manage(project, *DEPLOY_CHECK, "--settings", "site_.settings.local")
    assert "deploykit.E101  site_/settings/local.py:2: DEBUG is on" in chosen.stdout
    assert chosen.returncode == 1
    (folder / "production.py").write_text("from .base import *\nX = nothing\n", encoding="utf-8")
    broken = manage(project, *DEPLOY_CHECK)
    assert broken.returncode == 2
    assert "site_/settings/production.py:2: NameError" in broken.stderr
    assert "Traceback" not in broken.stderr
