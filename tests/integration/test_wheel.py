"""The wheel of a project: installed by pip as the page says, and with the same files as the layers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from django_deploykit.bundle.packing import Tree, pack_all
from tests.docs.markdown import ROOT, blocks
from tests.integration.bundling import KEY, PYTHON, Shop, copy_shop
from tests.ports import claim_port
from tests.projects import commit, manage, run, start_repository, uv, vendor
from tests.waiting import until

PAGE = ROOT / "docs" / "how-to" / "wheels.md"
HTTPS = {"X-Forwarded-Proto": "https"}


def configuration(folder: Path) -> dict[str, str]:
    """Return the variables of a site."""
    own = {k: v for k, v in os.environ.items() if not k.startswith("DJANGO")}
    database = f"sqlite:///{folder}/shop.sqlite3"
    return {**own, "SECRET_KEY": KEY, "DATABASE_URL": database}


@contextmanager
def serving(command: str, port: int, folder: Path, env: dict[str, str]) -> Iterator[None]:
    """Run a server until the block ends."""
    with (folder / "server.log").open("w") as log:
        words = ["sh", "-c", f"exec {command}"]
        process = subprocess.Popen(words, cwd=folder, env=env, stdout=log, stderr=log)
    try:
        until(lambda: answers(port) or process.poll() is not None)
        yield
    finally:
        process.terminate()
        process.wait()


def answers(port: int) -> bool:
    try:
        return bool(get(port, "/"))
    except OSError:
        return False


def get(port: int, path: str) -> bytes:
    """Return the body of a page that must answer 200."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=HTTPS)
    with urllib.request.urlopen(request, timeout=60) as page:
        assert page.status == 200
        body: bytes = page.read()
    return body


@pytest.fixture
def data() -> Iterator[Path]:
    """Yield a folder for a database. The checks refuse one in /tmp."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        yield Path(folder)


def test_the_page_works_as_written(built_shop: Shop, tmp_path: Path, data: Path) -> None:
    project, port, venv = copy_shop(built_shop, tmp_path), claim_port(), tmp_path / "venv"
    found = [one.text for one in blocks(PAGE) if one.language == "sh"]
    lines = [one.replace("/srv/shop", str(venv)).replace(":8000", f":{port}") for one in found]
    # The shop has our wheel in vendor/, because it is on no index.
    env = {**configuration(data), "PIP_FIND_LINKS": str(project / "vendor")}
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"
    script = "set -e\n" + "\n".join(lines[:-1])
    done = subprocess.run(
        ["sh", "-c", script], cwd=project, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    with serving(lines[-1], port, tmp_path, env):
        page = get(port, "/").decode()
        css = next(part for part in page.split('"') if part.endswith(".css"))
        assert get(port, css)
    layers = [one for one in built_shop.facts["layers"] if one["kind"] != "distribution"]
    site = next((venv / "lib").glob("python3*")) / "site-packages"
    assert layers_of(site / "shop_bundle", layers, built_shop.bundle) == layers
    info = next(site.glob("shop-*.dist-info"))
    with zipfile.ZipFile(built_shop.bundle) as bundle:
        assert (info / "sboms" / "sbom.cdx.json").read_bytes() == bundle.read("sbom.cdx.json")
    check_as_indexes_do(next((project / "dist").glob("*.whl")))


def check_as_indexes_do(wheel: Path) -> None:
    """Run the checks of people who publish wheels.

    Collected static files are there twice, under their own and their hashed name (W002), and the
    names of migrations start with a digit (W004).
    """
    tool = (uv(), "tool", "run", "-q", "--from")
    assert "PASSED" in run(*tool, "twine", "twine", "check", "--strict", wheel)
    contents = "check-wheel-contents"
    assert "OK" in run(*tool, contents, contents, "--ignore", "W002,W004", wheel)


def layers_of(
    folder: Path, layers: list[dict[str, object]], bundle: Path
) -> list[dict[str, object]]:
    """Pack the files of layers again, from ``folder``. Python writes the same bytecode."""
    trees = []
    with zipfile.ZipFile(bundle) as archive:
        for one in layers:
            rows = json.loads(archive.read(f"layers/{one['sha256']}.json"))
            paths = [row[0] for row in rows if "/__pycache__/" not in row[0]]
            files = tuple((path, str(folder / path)) for path in paths)
            trees.append(Tree(str(one["kind"]), str(one["name"]), "", files))
    return [vars(layer) for layer in pack_all(trees, PYTHON)]


SETTINGS = """\
from pathlib import Path
BASE_DIR = Path(__file__).resolve().parent.parent.parent
SECRET_KEY = "x"
INSTALLED_APPS = ["django.contrib.staticfiles", "django_deploykit", "config"]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [BASE_DIR / "templates"]}]
STATICFILES_DIRS, LOCALE_PATHS, FIXTURE_DIRS = [BASE_DIR / "assets"], [BASE_DIR / "locale"], [BASE_DIR / "data"]
STATIC_ROOT, STATIC_URL = BASE_DIR / "collected", "/static/"
"""
COMMAND = """\
from django.conf import settings
from django.core.management.base import BaseCommand
from django.template.loader import render_to_string

class Command(BaseCommand):
    def handle(self, **options):
        places = (settings.STATIC_ROOT, settings.FIXTURE_DIRS[0], settings.LOCALE_PATHS[0])
        rows = sorted(one.name for place in places for one in place.rglob("*") if one.is_file())
        print(render_to_string("home.html"), *rows)
"""


def test_a_project_that_is_no_package_finds_its_files(tmp_path: Path) -> None:
    """manage.py adds src/ to sys.path; everything else is next to it, and MANIFEST.in excludes it."""
    project = tmp_path / "site"
    manage_py = (
        (ROOT / "testproject" / "manage.py").read_text().replace("shop.settings", "config.settings")
    )
    files = {
        "manage.py": manage_py.replace(
            "import sys\n",
            "import sys\nsys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'src'))\n",
        ),
        "src/config/__init__.py": "",
        "src/config/settings.py": SETTINGS,
        "src/config/management/__init__.py": "",
        "src/config/management/commands/__init__.py": "",
        "src/config/management/commands/look.py": COMMAND,
        "templates/home.html": "welcome",
        "assets/é, 1.css": "a{}",
        "locale/de/LC_MESSAGES/django.po": "",
        "data/first.json": "[]",
        "MANIFEST.in": "global-exclude *",
        "Procfile": "web: python manage.py runserver\n",
        "deploykit.ini": "[project]\nname = my-site\n",
        "requirements.txt": (ROOT / "testproject" / "requirements.txt").read_text(),
    }
    for name, text in files.items():
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    vendor(project)
    start_repository(project)
    done = manage(project, "bundle", "--format", "wheel", "--json")
    assert done.returncode == 0, done.stderr
    wheel, target = json.loads(done.stdout)["path"], tmp_path / "target"
    run(uv(), "pip", "install", "-q", "--no-deps", "--offline", "--target", target, wheel)
    env = {**configuration(tmp_path), "PYTHONPATH": str(target)}
    words = [sys.executable, "-m", "my_site_bundle", "look"]
    done = subprocess.run(words, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.stdout == "welcome django.po first.json é, 1.css\n", done.stderr


def test_the_same_commit_gives_the_same_bytes(built_shop: Shop, tmp_path: Path) -> None:
    one, two = (copy_shop(built_shop, tmp_path / name) for name in ("one", "two"))
    commit(one, "A change", "2026-11-24T00:00:00Z")
    commit(two, "A change", "2026-11-24T00:00:00Z")
    done = [manage(path, "bundle", "--format", "wheel", "--json") for path in (one, two)]
    assert [row.returncode for row in done] == [0, 0], done[0].stderr + done[1].stderr
    first, second = (json.loads(row.stdout) for row in done)
    assert first["sha256"] == second["sha256"]
    assert Path(first["path"]).name.startswith("shop-20261124.0+g")
