"""Front-end builds: results that are reused, and commands that run after collectstatic."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from django_deploykit.runtime.base.documents import Document
from tests.integration.bundling import Shop, copy_shop, files_of
from tests.integration.test_startproject import index
from tests.projects import commit, manage, run, uv, vendor
from tests.wheels import write_tree

REUSED = "the inputs of the build commands are unchanged; reusing their result"
INI = """
[bundle]
build =
    mkdir -p shop/static/built node_modules/x
    python tools/build.py && echo run >> {runs}
inputs =
    front/**/*.txt
"""
BUILD = """
from pathlib import Path
text = "".join(sorted(one.read_text() for one in Path("front").rglob("*.txt")))
Path("shop/static/built/all.txt").write_text(text.upper())
Path("node_modules/x/y").write_text(text)
"""


@pytest.fixture
def copy(built_shop: Shop, tmp_path: Path) -> Path:
    """Return a copy of the shop with a file name of its own, since tests share a cache."""
    project = copy_shop(built_shop, tmp_path)
    own = f"{tmp_path.name}-{uuid4().hex}"
    write_tree(project, {"front/a.txt": f"{own}\n", "front/deep/b.txt": "b\n", own: ""})
    return project


def bundled(project: Path, *argv: str, **env: str) -> Document:
    """Bundle and return what ``--json`` says."""
    words = (sys.executable, "-m", "django_deploykit", "bundle", "--json", *argv)
    clean = {**os.environ, "CI": "", **env}
    done = subprocess.run(words, cwd=project, env=clean, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def change(project: Path, **files: str) -> None:
    write_tree(project, files)
    commit(project, "Change it", "2026-11-23T05:00:00Z")


def test_a_front_end_is_built_again_only_if_its_inputs_change(copy: Path, tmp_path: Path) -> None:
    ini = (copy / "deploykit.ini").read_text() + INI.format(runs=tmp_path / "runs")
    change(copy, **{"deploykit.ini": ini, "tools/build.py": BUILD})
    first = bundled(copy)
    change(copy, **{"shop/templates/shop/extra.html": "<p>New</p>"})
    change(copy, **{"shop/views.py": (copy / "shop/views.py").read_text() + "\n# changed\n"})
    second = bundled(copy)
    assert (tmp_path / "runs").read_text() == "run\n"
    assert REUSED not in first["notes"]
    assert REUSED in second["notes"]
    built = {name: data for name, data in files_of(second, "app").items() if "built" in name}
    assert built["app/shop/static/built/all.txt"].startswith(b"B\n")
    assert not [name for name in files_of(second, "app") if "node_modules" in name]

    change(copy, **{"shop/views.py": (copy / "shop/views.py").read_text() + "\n# again\n"})
    third = bundled(copy)
    assert "settings and static files unchanged; reusing them" in third["notes"]
    for again in (("--fresh",), ()):
        env = {} if again else {"CI": "true"}
        assert bundled(copy, *again, **env)["sha256"] == third["sha256"]
    assert (tmp_path / "runs").read_text() == "run\n" * 3

    change(copy, **{"front/deep/b.txt": "c\n"})
    fourth = bundled(copy)
    assert REUSED not in fourth["notes"]
    assert files_of(fourth, "app")["app/shop/static/built/all.txt"].startswith(b"C\n")


def test_commands_after_collectstatic_change_the_static_layer(copy: Path) -> None:
    ini = (copy / "deploykit.ini").read_text()
    after = "\n[bundle]\nafter_collectstatic =\n    python after.py\n    gzip -k staticfiles/after/names.txt\n"
    script = (
        "from pathlib import Path\n"
        "root = Path('staticfiles')\n"
        "names = sorted(str(one.relative_to(root)) for one in root.rglob('*.svg'))\n"
        "(root / 'after').mkdir()\n"
        "(root / 'after/names.txt').write_text('\\n'.join(names))\n"
    )
    change(copy, **{"deploykit.ini": ini + after, "after.py": script})
    first = bundled(copy)
    static = files_of(first, "static")
    assert b"shop/cup" in static["app/staticfiles/after/names.txt"]
    assert static["app/staticfiles/after/names.txt.gz"][4:8] == bytes(4)  # no time
    assert bundled(copy, "--fresh")["sha256"] == first["sha256"]
    broken = "\n[bundle]\nafter_collectstatic = echo why; exit 3\n"
    change(copy, **{"deploykit.ini": ini + broken})
    done = manage(copy, "bundle")
    assert "the build command failed with exit code 3: echo why; exit 3\n  why" in done.stderr


def test_django_compressor_compresses_after_collectstatic(copy: Path) -> None:
    settings = (copy / "shop/settings.py").read_text()
    more = """
INSTALLED_APPS += ["compressor"]
COMPRESS_ENABLED = COMPRESS_OFFLINE = True
COMPRESS_STORAGE = "compressor.storage.GzipCompressorFileStorage"
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "compressor.finders.CompressorFinder",
]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
"""
    template = "{% load compress %}{% compress css inline %}<style>p { color: red }</style>{% endcompress %}"
    template += (
        "{% compress css %}<link rel='stylesheet' href='/static/shop/shop.css'>{% endcompress %}"
    )
    write_tree(
        copy,
        {
            "requirements.in": (copy / "requirements.in").read_text() + "django-compressor\n",
            "shop/settings.py": settings + more,
            "shop/templates/shop/compressed.html": template,
            "deploykit.ini": (copy / "deploykit.ini").read_text()
            + "\n[bundle]\nafter_collectstatic = python manage.py compress --force\n",
        },
    )
    words = ("pip", "compile", "-q", "--universal", "--generate-hashes", "--no-emit-index-url")
    run(uv(), *words, "requirements.in", "-o", "requirements.txt", cwd=copy, **index())
    vendor(copy)
    commit(copy)
    first = bundled(copy)
    static = files_of(first, "static")
    assert "app/staticfiles/CACHE/manifest.json" in static
    assert [name for name in static if name.startswith("app/staticfiles/CACHE/css/output.")]
    assert bundled(copy, "--fresh")["sha256"] == first["sha256"]
