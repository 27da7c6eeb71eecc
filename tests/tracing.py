"""Projects that are asked for their settings and static files, with a record of what that accessed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from django_deploykit.bundle import static_cache
from django_deploykit.bundle.collecting import collect
from django_deploykit.bundle.environment import InstalledEnvironment, TargetPython
from django_deploykit.bundle.files import Exported
from django_deploykit.bundle.static_cache import CollectedStatic, keep
from django_deploykit.project import Project

TARGET = TargetPython("3.11", "/usr/bin/python3", "3.11.7", "linux-x86_64")
Build = Callable[[], CollectedStatic]
Builder = Callable[[str], Build]


@pytest.fixture
def builder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Builder:
    """Return a function that makes a project of some settings; calling that builds it once more."""
    monkeypatch.setenv("DEPLOYKIT_BUILD_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CI", raising=False)
    if not static_cache._reading_shows(tmp_path):
        pytest.skip("the disk does not update access times")
    python = tmp_path / "env" / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    environment = InstalledEnvironment(tmp_path / "env", (), "any", "", (), (), ())
    count = iter(range(9))

    def project_of(code: str) -> Build:
        def build() -> CollectedStatic:
            folder = tmp_path / f"build{next(count)}" / "export"
            folder.mkdir(parents=True)
            (folder / "data.txt").write_text("data")
            # The test environment's own, which is installed in editable mode, outside of it.
            (folder / "django_deploykit.py").write_text("raise ImportError\n")
            settings = f"SECRET_KEY = 'x'\nOUTSIDE = {str(tmp_path)!r}\nSTATIC_URL = '/s/'\n{code}"
            (folder / "tiny_settings.py").write_text(settings)
            project = Project(folder, "tiny", folder / "deploykit.ini", settings="tiny_settings")
            exported = Exported(folder.parent, folder, folder, frozenset())
            collected = collect(project, environment, TARGET, exported)
            keep(collected, ())
            return collected

        return build

    return project_of


def static_url(collected: CollectedStatic) -> str:
    return str(collected.answer.facts.static_url)
