"""The project's wheel: one package, and a command that runs its manage.py."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from django_deploykit.bundle.build_cache import layer_paths
from django_deploykit.bundle.formats.base import Content, Written
from django_deploykit.bundle.formats.wheel import FORMAT, name, package_text, write
from django_deploykit.errors import BundleError
from django_deploykit.runtime.base.files import hash_file
from django_deploykit.runtime.bundle.manifest import Manifest
from tests.bundles import make_manifest
from tests.unit.bundle.formats.layers import cache_layer

MANAGE = b"""\
import os, sys
print(os.environ["DJANGO_SETTINGS_MODULE"], os.path.basename(sys.argv[0]), sys.argv[1:])
print(sys.path[0] == os.path.dirname(os.path.abspath(__file__)))
if __name__ == "__main__":
    sys.exit(3)
"""


@pytest.fixture
def content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Content:
    """Return a content of three layers, which are in the cache."""
    monkeypatch.setenv("DEPLOYKIT_BUILD_CACHE", str(tmp_path / "cache"))
    app = cache_layer("app", "app", "", {"app/manage.py": MANAGE, "app/templates/a.html": b"a"})
    static = cache_layer("static", "static", "", {"app/staticfiles/a.css": b"a{}"})
    django = cache_layer("distribution", "django", "5.2.1", {"lib/django.py": b""})
    return Content(make_manifest((app, static, django)), {}, {"sbom.cdx.json": b"{}"})


def run(folder: Path, *argv: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the package of an unpacked wheel."""
    own = {"PATH": os.defpath, "PYTHONPATH": str(folder), **env}
    words = [sys.executable, "-m", "shop_bundle", *argv]
    return subprocess.run(words, env=own, capture_output=True, text=True, cwd=folder.parent)


def test_the_command_runs_manage_py_with_the_settings_of_production(
    tmp_path: Path, content: Content
) -> None:
    path = tmp_path / name(content.manifest)
    assert write(content, path) == Written(hash_file(path), path.stat().st_size)
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "site")
    done = run(tmp_path / "site", "check", "--deploy")
    assert done.stdout == "shop.settings __main__.py ['check', '--deploy']\nTrue\n", done.stderr
    assert done.returncode == 3
    other = run(tmp_path / "site", DJANGO_SETTINGS_MODULE="shop.staging")
    assert other.stdout.startswith("shop.staging ")


def test_has_only_the_projects_layers_and_what_describes_them(
    tmp_path: Path, content: Content
) -> None:
    path = tmp_path / "shop.whl"
    FORMAT.write(content, path)
    with zipfile.ZipFile(path) as archive:
        names = {one for one in archive.namelist() if ".dist-info/" not in one}
        described = {
            one.partition(".dist-info/")[2]: archive.read(one)
            for one in archive.namelist()
            if ".dist-info/" in one
        }
        path_file = archive.read("shop_bundle.pth")
    files = ("__init__.py", "__main__.py", "app/manage.py", "app/templates/a.html")
    assert names == {
        *(f"shop_bundle/{one}" for one in files),
        "shop_bundle/app/staticfiles/a.css",
        "shop_bundle.pth",
    }
    assert path_file == b"shop_bundle/app\n"
    assert Manifest.loads(described["manifest.json"].decode()) == content.manifest
    assert described["sboms/sbom.cdx.json"] == b"{}"
    assert described["entry_points.txt"] == b"[console_scripts]\nshop = shop_bundle:main\n"
    assert {"METADATA", "WHEEL", "RECORD", "requirements.txt"} < described.keys()


def test_refuses_a_damaged_layer(tmp_path: Path, content: Content) -> None:
    layer_paths(content.manifest.layers[0].sha256)[0].write_bytes(b"damage")
    with pytest.raises(BundleError, match="was damaged and has been removed"):
        write(content, tmp_path / "shop.whl")


def test_the_package_chooses_the_class_of_the_settings() -> None:
    text = package_text(make_manifest((), configuration="Production"))
    assert "'DJANGO_CONFIGURATION': 'Production'" in text
