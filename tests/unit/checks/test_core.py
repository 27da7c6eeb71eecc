"""Checks of the settings that every site has."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import django
import pytest
from django.conf import settings

from django_deploykit.checks import core
from django_deploykit.checks.finding import Undecided
from tests.unit.checks.cases import (
    KEY,
    TEMPLATES,
    WSGI,
    Case,
    Cases,
    case_tests,
    run_check,
    setting,
)

FROM_FOLDERS = "django.template.loaders.filesystem.Loader"
CACHED = "django.template.loaders.cached.Loader"
CHOSEN = "[project]\nsettings = {}\n"
CASES: Cases = {
    "E114": (
        [
            setting(**{name: "x"})
            for name, (since, _) in core.REMOVED_SETTINGS.items()
            if django.VERSION[:2] >= since
        ],
        [
            setting(),
            setting(PASSWORD_RESET_TIMEOUT_DAYS=3, PASSWORD_RESET_TIMEOUT=3 * 86400),
            *(
                [setting(DEFAULT_FILE_STORAGE="x", STORAGES={})]
                if django.VERSION >= (5, 1)
                else [setting(DEFAULT_FILE_STORAGE="django.core.files.storage.FileSystemStorage")]
            ),
        ],
    ),
    "E101": (
        [setting(DEBUG=True), setting(DEBUG="False"), setting(DEBUG=0)],
        [setting(DEBUG=False)],
    ),
    "E102": (
        [
            setting(SECRET_KEY=key)
            for key in ("django-insecure-" + KEY, "change-me", "x" * 60, "abc" * 20)
        ],
        [setting(SECRET_KEY=KEY), setting(SECRET_KEY=KEY.encode())],
    ),
    "W105": (
        [
            setting(SECRET_KEY=KEY, SECRET_KEY_FALLBACKS=[KEY]),
            setting(SECRET_KEY_FALLBACKS=list("abcd")),
        ],
        [setting(SECRET_KEY=KEY, SECRET_KEY_FALLBACKS=["older"])],
    ),
    "E106": (
        [
            Case(
                {"WSGI_APPLICATION": "mysite.wsgi.application"},
                {"mysite/wsgi.py": WSGI.format("mysite.settings.dev")},
            ),
            Case(
                {
                    "WSGI_APPLICATION": "mysite.wsgi.application",
                    "ASGI_APPLICATION": "mysite.asgi.application",
                },
                {
                    "mysite/wsgi.py": WSGI.format("mysite.a"),
                    "mysite/asgi.py": WSGI.format("mysite.b"),
                },
            ),
            Case({}, {"elsewhere/wsgi.py": WSGI.format("mysite.settings.dev")}),
            Case({}, {"deploykit.ini": CHOSEN.format("mysite.settings.local")}),
            Case(
                {},
                {
                    "deploykit.ini": CHOSEN.format("mysite.settings.live"),
                    "mysite/wsgi.py": 'os.environ["DJANGO_SETTINGS_MODULE"] = "mysite.other"\n',
                },
            ),
            Case(
                {},
                {
                    "Procfile": "web: gunicorn mysite.live_wsgi:application\n",
                    "mysite/live_wsgi.py": WSGI.format("mysite.settings.dev"),
                },
            ),
        ],
        [
            Case(
                {"WSGI_APPLICATION": "mysite.wsgi.application"},
                {
                    "mysite/wsgi.py": WSGI.format("mysite.settings"),
                    "manage.py": WSGI.format("mysite.settings.dev"),
                },
            ),
            Case(  # a release sets DJANGO_SETTINGS_MODULE before wsgi.py runs
                {},
                {
                    "mysite/wsgi.py": WSGI.format("mysite.settings.dev"),
                    "deploykit.ini": CHOSEN.format("mysite.settings.live"),
                },
            ),
        ],
    ),
    "E107": (
        [
            setting(WSGI_APPLICATION="nowhere.wsgi.application"),
            setting(WSGI_APPLICATION="json.nothing"),
        ],
        [setting(WSGI_APPLICATION="json.loads"), setting(WSGI_APPLICATION=None)],
    ),
    "W108": (
        [
            setting(DEBUG_PROPAGATE_EXCEPTIONS=True),
            setting(TEMPLATES=[{**TEMPLATES, "OPTIONS": {"string_if_invalid": "??"}}]),
            setting(TEMPLATES=[{**TEMPLATES, "OPTIONS": {"debug": True}}]),
            setting(WHITENOISE_AUTOREFRESH=True, DEBUG=False),
            setting(WHITENOISE_USE_FINDERS=True, DEBUG=False),
            setting(TEMPLATES=[{**TEMPLATES, "OPTIONS": {"loaders": [FROM_FOLDERS]}}]),
            setting(TEMPLATES=[{**TEMPLATES, "OPTIONS": {"loaders": [(FROM_FOLDERS, ["x"])]}}]),
        ],
        [
            setting(TEMPLATES=[TEMPLATES]),
            setting(WHITENOISE_AUTOREFRESH=False),
            setting(TEMPLATES=[{**TEMPLATES, "OPTIONS": {"loaders": [(CACHED, [FROM_FOLDERS])]}}]),
        ],
    ),
    "E109": (
        [
            setting(MIDDLEWARE=["debug_toolbar.middleware.DebugToolbarMiddleware"]),
            setting(MIDDLEWARE=["silk.middleware.SilkyMiddleware"]),
        ],
        [setting(MIDDLEWARE=["django.middleware.security.SecurityMiddleware"])],
    ),
    "W111": (
        [
            setting(SILENCED_SYSTEM_CHECKS=["deploykit.E999"]),
            setting(SILENCED_SYSTEM_CHECKS=["all of them"]),
        ],
        [setting(SILENCED_SYSTEM_CHECKS=["deploykit.W310", "security.W004"])],
    ),
    "W112": (
        [
            setting(
                MIDDLEWARE=[
                    "whitenoise.middleware.WhiteNoiseMiddleware",
                    "django.middleware.security.SecurityMiddleware",
                ]
            )
        ],
        [
            setting(
                MIDDLEWARE=[
                    "django.middleware.security.SecurityMiddleware",
                    "whitenoise.middleware.WhiteNoiseMiddleware",
                ]
            )
        ],
    ),
}

test_finds, test_finds_nothing = case_tests(CASES)


@pytest.mark.parametrize(
    "call",
    ["get_random_secret_key()", "secrets.token_urlsafe(50)", "os.environ.get('K', str(uuid4()))"],
)
def test_finds_a_key_that_every_process_makes(
    call: str, project: Path, write_settings: Callable[..., None]
) -> None:
    head = "import os, secrets\nfrom uuid import uuid4\nfrom django.core.management.utils import get_random_secret_key\n"
    write_settings(f"{head}SECRET_KEY = {call}\n")
    found = run_check("E103", project)
    assert [(one.path, one.line) for one in found] == [("own_settings.py", 4)]
    with pytest.raises(Undecided, match="E103"):  # what is wrong with it differs, too
        run_check("E102", project)
    assert run_check("E104", project) == []


def test_finds_a_key_in_the_code_with_its_line(
    project: Path, write_settings: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_settings("DEBUG = False\n\nSECRET_KEY = 'abc'\n")
    assert run_check("E104", project) == []  # another key is in use
    monkeypatch.setattr(settings, "SECRET_KEY", "abc")
    found = run_check("E104", project)
    assert [(one.path, one.line) for one in found] == [("own_settings.py", 3)]
    assert "abc" not in found[0].message
    assert run_check("E103", project) == []


@pytest.mark.parametrize("text", ["os.environ.get('NO_KEY_HERE', '')", "config('KEY')"])
def test_a_key_without_a_value_is_not_checked_here(
    text: str,
    project: Path,
    write_settings: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_settings(f"import os\nconfig = lambda name: ''\nSECRET_KEY = {text}\n")
    monkeypatch.setattr(settings, "SECRET_KEY", "")
    with pytest.raises(Undecided, match="SECRET_KEY has no value here"):
        run_check("E102", project)
    (found,) = run_check("E102", project, server=True)
    assert found.message == "SECRET_KEY is empty"


def test_a_key_of_the_build_is_not_checked_here(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ini = "[bundle]\nenvironment = SECRET_KEY=build\n"
    (project / "deploykit.ini").write_text(ini, encoding="utf-8")
    monkeypatch.setattr(settings, "SECRET_KEY", "build")
    with pytest.raises(Undecided, match="SECRET_KEY has no value here"):
        run_check("E102", project)
    (found,) = run_check("E102", project, server=True)
    assert "SECRET_KEY is too weak" in found.message


def test_accepts_a_key_that_is_read(project: Path, write_settings: Callable[..., None]) -> None:
    write_settings("import os\nSECRET_KEY = os.environ.get('SECRET_KEY', '')\n")
    assert run_check("E103", project) + run_check("E104", project) == []


def test_finds_versions_out_of_support(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(django, "VERSION", (4, 0, 0, "final", 0))
    monkeypatch.setattr(core, "PYTHON_ENDS", {sys.version_info[:2]: "2999-01-01"})
    found = run_check("W110", tmp_path)
    assert [one.message.partition(" ended")[0] for one in found] == ["support for Django 4.0"]
    monkeypatch.setattr(django, "VERSION", (99, 0, 0, "final", 0))
    assert run_check("W110", tmp_path) == []
