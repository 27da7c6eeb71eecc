"""A project whose static files are collected again and again, by the real code."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from django_deploykit.bundle import groups, static_cache
from django_deploykit.bundle.collecting import collect
from django_deploykit.bundle.content_ids import content_ids
from django_deploykit.bundle.environment import InstalledEnvironment, find_target
from django_deploykit.bundle.export import export_without_assets
from django_deploykit.bundle.files import Exported
from django_deploykit.bundle.own_layers import own_layers
from django_deploykit.bundle.source import find_commit
from django_deploykit.bundle.static_cache import CollectedStatic, keep
from django_deploykit.project import Project
from django_deploykit.runtime.bundle.manifest import Layer
from tests.projects import commit, run
from tests.wheels import write_tree

SETTINGS = """\
import more
SECRET_KEY = "x"
INSTALLED_APPS = ["django.contrib.staticfiles", "app", "second", "packaged"]
STATICFILES_DIRS = ["assets", ("lib", "vendor")]
STATIC_URL = "/s/"
STATIC_ROOT = "collected"
STORAGES = {"staticfiles": {"BACKEND": "more.Storage"}}
"""
MORE = """\
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage

class Storage(ManifestStaticFilesStorage):
    max_post_process_passes = 6
"""
FILES = {
    "tiny_settings.py": SETTINGS,
    "more.py": MORE,
    # The test environment has ours in editable mode, outside of it.
    "django_deploykit.py": "raise ImportError\n",
    "app/__init__.py": "",
    "app/models.py": "A = 1\n",
    "app/static/base.css": "a { background: url(img/a.png) }\n",
    "app/static/page.css": "@import 'base.css';\n",
    "app/static/top.css": "@import url(page.css);\n",
    "app/static/other.css": "b { background: url('img/b.png?x') }\n",
    "app/static/quoted.css": "b { background: url('img/%62.png?#iefix') }\n",
    "app/static/lone.css": "c { color: red }\n",
    "app/static/img/a.png": "a",
    "app/static/img/b.png": "b",
    "app/static/script.js": "//# sourceMappingURL=script.js.map\n",
    "app/static/script.js.map": "{}",
    "app/static/LICENSE": "free",
    "second/__init__.py": "",
    "second/static/page.css": "p { background: url(img/b.png) }\n",
    "vendor/only.js": "only",
}
# An app outside of the export, as locked packages are.
PACKAGE = {
    "packaged/__init__.py": "",
    "packaged/static/deep.css": "@import 'shared.css';\n",
    "packaged/static/shared.css": "s { background: url(img/p.png) }\n",
    "packaged/static/img/p.png": "p",
}


class CollectedSite:
    """A project that is built again and again; its layers have groups of at most four files."""

    def __init__(self, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._place, self._set = place, monkeypatch
        monkeypatch.delenv("CI", raising=False)
        monkeypatch.setattr(groups, "_MOST", 4)
        self.top = write_tree(place / "top", FILES)
        write_tree(place / "packages", PACKAGE)
        run("git", "init", "-q", cwd=self.top)
        python = place / "env" / "venv" / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        python.chmod(0o755)
        self._builds = 0

    def build(self, cache: str = "cache") -> tuple[CollectedStatic, list[Layer]]:
        """Commit the files and build with a cache. Return the answer and the layers."""
        self._set.setenv("DEPLOYKIT_BUILD_CACHE", str(self._place / cache))
        commit(self.top)
        found, _ = find_commit(self.top)
        self._builds += 1
        place = self._place / f"build{self._builds}"
        folder = place / "export"
        export_without_assets(found, folder)
        ids = content_ids(found)
        exported = Exported(place, folder, folder, frozenset(ids), found, ids)
        environment = InstalledEnvironment(self._place / "env", (), "any", "", (), (), ())
        project = Project(
            folder,
            "tiny",
            folder / "deploykit.ini",
            settings="tiny_settings",
            environment=(("PYTHONPATH", str(self._place / "packages")),),
        )
        target = find_target("", "")
        collected = collect(project, environment, target, exported)
        layers, _ = own_layers(collected, exported, target)
        keep(collected, [layer for layer in layers if layer.kind == "static"])
        return collected, sorted(layers, key=str)

    def write(self, files: Mapping[str, str | None]) -> None:
        """Write files by their paths. Remove those that have no text."""
        for name, text in files.items():
            (self.top / name).parent.mkdir(parents=True, exist_ok=True)
            if text is None:
                (self.top / name).unlink()
            else:
                (self.top / name).write_text(text)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CollectedSite:
    if not static_cache._reading_shows(tmp_path):
        pytest.skip("the disk does not update access times")
    return CollectedSite(tmp_path, monkeypatch)


def collected_again(collected: CollectedStatic) -> bool:
    return collected.groups is not None
