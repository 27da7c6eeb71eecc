"""Checks that read the settings' source, other packages, dates, and the configuration."""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import django
import pytest
from django.conf import settings
from django.test import override_settings

from django_deploykit.checks import core, repository
from django_deploykit.checks.catalogue import Finding, catalogue
from django_deploykit.checks.subject import read_subject
from django_deploykit.conf import Config
from django_deploykit.project import read_project


def run(key: str, root: Path) -> list[Finding]:
    """Run one check on the project in ``root``."""
    subject = replace(read_subject(read_project(root)), tracked=None)
    return list(catalogue()[f"deploykit.{key}"].run(subject))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project whose settings module the test writes; see :func:`write`."""
    (tmp_path / "manage.py").write_text("", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop("own_settings", None)


def write(project: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write the settings module and let Django's settings say that it is theirs."""
    (project / "own_settings.py").write_text(text, encoding="utf-8")
    importlib.invalidate_caches()
    importlib.import_module("own_settings")
    monkeypatch.setattr(settings, "SETTINGS_MODULE", "own_settings", raising=False)


@pytest.mark.parametrize(
    "call",
    ["get_random_secret_key()", "secrets.token_urlsafe(50)", "os.environ.get('K', str(uuid4()))"],
)
def test_finds_a_key_that_every_process_makes(
    call: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = "import os, secrets\nfrom uuid import uuid4\nfrom django.core.management.utils import get_random_secret_key\n"
    write(project, f"{head}SECRET_KEY = {call}\n", monkeypatch)
    found = run("E103", project)
    assert [(one.path, one.line) for one in found] == [("own_settings.py", 4)]
    assert run("E104", project) == []


def test_finds_a_key_in_the_code_with_its_line(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(project, "DEBUG = False\n\nSECRET_KEY = 'abc'\n", monkeypatch)
    assert run("E104", project) == []  # another key is in use
    monkeypatch.setattr(settings, "SECRET_KEY", "abc")
    found = run("E104", project)
    assert [(one.path, one.line) for one in found] == [("own_settings.py", 3)]
    assert "abc" not in found[0].message
    assert run("E103", project) == []


def test_accepts_a_key_that_is_read(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(project, "import os\nSECRET_KEY = os.environ.get('SECRET_KEY', '')\n", monkeypatch)
    assert run("E103", project) + run("E104", project) == []


def test_finds_versions_out_of_support(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(django, "VERSION", (4, 0, 0, "final", 0))
    monkeypatch.setattr(core, "PYTHON_ENDS", {sys.version_info[:2]: "2999-01-01"})
    found = run("W110", tmp_path)
    assert [one.message.partition(" is")[0] for one in found] == ["Django 4.0"]
    monkeypatch.setattr(django, "VERSION", (99, 0, 0, "final", 0))
    assert run("W110", tmp_path) == []


def test_finds_an_open_api(tmp_path: Path) -> None:
    with override_settings():
        settings.INSTALLED_APPS = ["rest_framework", "corsheaders"]
        assert run("W309", tmp_path)
        settings.REST_FRAMEWORK = {
            "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"]
        }
        assert run("W309", tmp_path) == []
        settings.CORS_ALLOW_ALL_ORIGINS = True
        assert run("E307", tmp_path) == []
        settings.CORS_ALLOW_CREDENTIALS = True
        assert run("E307", tmp_path)


def test_finds_sqlite_that_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = {"ENGINE": "django.db.backends.sqlite3", "NAME": "/var/lib/shop/x"}
    monkeypatch.setattr(django, "VERSION", (5, 2))
    with override_settings(DATABASES={"default": entry}):
        assert run("W402", tmp_path)
    with override_settings(
        DATABASES={"default": {**entry, "OPTIONS": {"transaction_mode": "IMMEDIATE"}}}
    ):
        assert run("W402", tmp_path) == []
    monkeypatch.setattr(django, "VERSION", (4, 2))  # does not know the option
    with override_settings(DATABASES={"default": entry}):
        assert run("W402", tmp_path) == []


def test_finds_options_that_nobody_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shop.ini").write_text("[django]\nallowed_host = a\ndebug = no\n", encoding="utf-8")
    config = Config("shop", etc=tmp_path, environ={})
    config.bool("DEBUG", default=False)
    config.hosts("ALLOWED_HOSTS", default=[])
    monkeypatch.setattr(repository, "configs", lambda: (config,))
    found = run("W802", tmp_path)
    assert [(one.path, one.line) for one in found] == [(str(tmp_path / "shop.ini"), 2)]
    assert "did you mean '[django] allowed_hosts'?" in found[0].message


def test_finds_quoted_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = Config("shop", etc=tmp_path, environ={"A": '"x"', "B": "x"})
    for name in "AB":
        config.str(name)
    monkeypatch.setattr(repository, "configs", lambda: (config,))
    assert ["A is wrapped" in one.message for one in run("W806", tmp_path)] == [True]


def test_tells_the_place_of_a_setting_in_a_package(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "conf_package").mkdir()
    (project / "conf_package" / "__init__.py").write_text("", encoding="utf-8")
    (project / "conf_package" / "base.py").write_text(
        "INSTALLED_APPS = []\nDEBUG = True\n", encoding="utf-8"
    )
    (project / "conf_package" / "production.py").write_text(
        "from .base import *\n", encoding="utf-8"
    )
    importlib.invalidate_caches()
    importlib.import_module("conf_package.production")
    monkeypatch.setattr(settings, "SETTINGS_MODULE", "conf_package.production", raising=False)
    assert read_subject(read_project(project)).place("DEBUG") == ("conf_package/base.py", 2)
    for name in list(sys.modules):
        if name.startswith("conf_package"):
            del sys.modules[name]


def test_finds_settings_that_stay_behind(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "try:\n    from local_settings import *\nexcept ImportError:\n    pass\n"
    write(project, text, monkeypatch)
    found = run("W817", project)
    assert [(one.path, one.line) for one in found] == [("own_settings.py", 2)]
    assert "git does not track local_settings.py" in found[0].message
    subject = replace(read_subject(read_project(project)), tracked=("local_settings.py",))
    assert list(catalogue()["deploykit.W817"].run(subject)) == []


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("from decouple import config\nDEBUG = config('DEBUG', cast=bool)\n", "python-decouple"),
        ("import environ\nenv = environ.Env()\nDEBUG = env.bool('DEBUG')\n", "django-environ"),
        ("import os\nDEBUG = os.environ.get('DEBUG') == '1'\n", "os.environ"),
    ],
)
def test_notes_other_ways_of_configuration(
    text: str, kind: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository, "configs", lambda: ())
    monkeypatch.setitem(sys.modules, "decouple", type(sys)("decouple"))
    monkeypatch.setattr(sys.modules["decouple"], "config", lambda *_, **__: True, raising=False)
    fake = type(sys)("environ")
    monkeypatch.setattr(fake, "Env", type("Env", (), {"bool": lambda *_: True}), raising=False)
    monkeypatch.setitem(sys.modules, "environ", fake)
    write(project, text, monkeypatch)
    found = run("I818", project)
    assert [one.level for one in found] == ["INFO"]
    assert kind in found[0].message
    monkeypatch.setattr(repository, "configs", lambda: ("one",))  # has moved already
    assert run("I818", project) == []


def test_settings_without_configuration_have_nothing_to_move(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository, "configs", lambda: ())
    write(project, "import os\nDEBUG = False\nHERE = os.path.dirname(__file__)\n", monkeypatch)
    assert run("I818", project) == run("W817", project) == []


@pytest.mark.parametrize(
    ("version", "procfile", "told"),
    [
        ("23.0.0", "", True),
        ("23.0.0", "web: gunicorn --threads 4 a.wsgi\n", True),
        ("23.0.0", "web: gunicorn a.wsgi\n", False),
        ("23.0.0", "web: uvicorn a.asgi\n", False),
        ("24.0.0", "", False),
        (None, "", False),
    ],
)
def test_finds_a_gunicorn_that_drops_what_it_accepted(
    version: str | None, procfile: str, told: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def installed(name: str) -> str:
        if version is None:
            raise importlib.metadata.PackageNotFoundError(name)
        return version

    monkeypatch.setattr(importlib.metadata, "version", installed)
    (tmp_path / "manage.py").write_text("", encoding="utf-8")
    (tmp_path / "Procfile").write_text(procfile, encoding="utf-8")
    assert bool(run("W826", tmp_path)) is told
