"""Projects whose settings, migrations and databases a test chooses."""

from __future__ import annotations

import importlib.metadata
import itertools
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connections
from django.db.utils import ConnectionHandler
from django.test import override_settings

from tests.unit.checks.cases import MODELS

Connect = Callable[..., None]


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Return the names of the distributions that seem to be installed, none at first."""
    found: set[str] = set()

    def version(name: str) -> str:
        if name not in found:
            raise importlib.metadata.PackageNotFoundError
        return "1.0"

    monkeypatch.setattr(importlib.metadata, "version", version)
    return found


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project without files; its folder is on the import path."""
    (tmp_path / "manage.py").write_text("", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def write_settings(project: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A function that writes a module of the project and makes it the settings module."""

    def write(text: str, name: str = "own_settings") -> None:
        path = project.joinpath(*name.split(".")).with_suffix(".py")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        importlib.invalidate_caches()
        importlib.import_module(name)
        monkeypatch.setattr(settings, "SETTINGS_MODULE", name, raising=False)

    return write


_NUMBERS = itertools.count()


@pytest.fixture
def migrate(project: Path) -> Iterator[Callable[..., None]]:
    """A function that writes migrations, by name, of an app with the model Order."""
    app = f"checked_shop_{next(_NUMBERS)}"  # Django keeps models of an app for good
    folder = project / app / "migrations"
    folder.mkdir(parents=True)
    (project / app / "__init__.py").write_text("")
    (project / app / "models.py").write_text(MODELS)
    (folder / "__init__.py").write_text("")
    with ExitStack() as stack:

        def write(**migrations: str) -> None:
            for name, text in migrations.items():
                (folder / f"{name}.py").write_text(text.format(app=app))
            importlib.invalidate_caches()
            stack.enter_context(override_settings(INSTALLED_APPS=[app]))

        yield write


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch, django_db_blocker: Any) -> Iterator[Connect]:
    """A function that makes SQLite files the databases of the site, by alias."""

    def close() -> None:
        for connection in connections.all(initialized_only=True):
            connection.close()
            del connections[connection.alias]

    def use(**paths: Path) -> None:
        close()
        made = {
            alias: {"ENGINE": "django.db.backends.sqlite3", "NAME": path}
            for alias, path in paths.items()
        }
        for alias, entry in ConnectionHandler(made).settings.items():
            monkeypatch.setitem(connections.settings, alias, entry)

    with django_db_blocker.unblock():  # not the database of the test suite
        yield use
    close()
