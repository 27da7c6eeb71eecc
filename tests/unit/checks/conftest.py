"""A project whose settings a test writes."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings


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
