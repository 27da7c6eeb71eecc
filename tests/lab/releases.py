"""Releases of the real ``testproject/`` that the lab ships: a repository with a commit for each.

A bundle is built when somebody asks for it, once for all test processes of a run.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.lab.images import locked
from tests.projects import commit, make_shop, manage, run

PYTHONS = {"bookworm": "3.11", "trixie": "3.13"}
_PROCFILE = """\
web: gunicorn shop.wsgi --workers ${WEB_CONCURRENCY:-2} --threads 8
worker: python manage.py restock --watch
"""
_WORKER = '''\
"""Put things on the shelves, or keep watch over them as a worker does."""

import signal
import time

from django.conf import settings
from django.core.management.base import BaseCommand

from shop.models import Product


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser):
        parser.add_argument("--watch", action="store_true")

    def handle(self, *, watch, **_):
        ended = []
        signal.signal(signal.SIGTERM, lambda *_: ended.append(1))
        self.stdout.write("on the shelves: %d" % Product.objects.count())
        stubborn = settings.MEDIA_ROOT.with_name("stubborn")
        while watch and (not ended or stubborn.exists()):
            time.sleep(0.1)
        if ended:
            self.stdout.write("finished what was at hand")
'''
# Only as a server: deploy_check asks the health path too, and is not what these bundles are for.
_ILL = 'HttpResponse("ill\\n", status=500 if "GUNICORN_CMD_ARGS" in os.environ else 200, '
# What a person on the host can tell the site, by files beside its data: to be ill, to hang. The check
# before the switch does not see it.
_MOODS = """\
    if "gunicorn" not in request.META.get("SERVER_SOFTWARE", ""):
        return HttpResponse("checked\\n", content_type="text/plain")
    moods, release = settings.MEDIA_ROOT.parent, os.environ.get("DEPLOYKIT_RELEASE", "?")
    if (moods / "ill").exists() and release in (moods / "ill").read_text():
        return HttpResponse("ill\\n", status=500, content_type="text/plain")
    while (moods / "hangs").exists() and release in (moods / "hangs").read_text():
        time.sleep(0.1)
"""
_GROWTH = """\
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("shop", "0001_initial")]
    operations = [migrations.AddField("product", "note", models.TextField(null=True))]
"""
_FILLING = """\
import time

from django.conf import settings
from django.db import migrations


def fill(apps, schema_editor):
    if settings.MEDIA_ROOT.with_name("unlucky").exists():
        raise RuntimeError("there is no note to write")
    while settings.MEDIA_ROOT.with_name("slow").exists():
        time.sleep(0.1)
    apps.get_model("shop", "Product").objects.update(note="")


class Migration(migrations.Migration):
    dependencies = [("shop", "0002_product_note")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
"""
_REMOVAL = """\
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("shop", "0001_initial")]
    operations = [migrations.RemoveField("product", "stock")]
"""


@dataclass(frozen=True)
class Bundles:
    """Releases of one shop for one Python, each made from the one before.

    ``one`` and ``two`` differ in a page and its style, ``sick`` answers its health path with 500
    once it is served, ``grown`` has two more migrations, ``narrow`` takes a column away that the
    older ones need.
    """

    repository: Path
    python: str

    @property
    def one(self) -> Path:
        """The first."""
        return self.path("one")

    @property
    def two(self) -> Path:
        """The one behind it."""
        return self.path("two")

    def path(self, name: str) -> Path:
        """Return a bundle by its name, built where it is not there yet."""
        folder = self.repository.parent / f"{name}-{self.python}"
        with locked(self.repository.parent / f"{self.python}.lock"):
            if not folder.exists():
                target = folder.with_name(f"{folder.name}.part")
                target.mkdir(exist_ok=True)
                words = ("--rev", name, "--python", self.python, "--output", f"{target}/", "--json")
                done = manage(self.repository, "bundle", *words)
                assert done.returncode == 0, done.stdout + done.stderr
                assert Path(json.loads(done.stdout)["path"]).parent == target
                os.rename(target, folder)
        (found,) = folder.glob("*.pyz")
        return found

    def id(self, name: str) -> str:
        """Return a release's id."""
        return self.path(name).stem.removeprefix("shop-")


def write_releases(folder: Path) -> Path:
    """Make a shop with a worker a repository in which a tag names each release; returns its path."""
    project = make_shop(folder)
    (project / "Procfile").write_text(_PROCFILE)
    (project / "shop/management/commands/restock.py").write_text(_WORKER)

    def release(name: str, minute: int) -> None:
        commit(project, f"Make it {name}", f"2026-11-24T04:{minute:02}:00Z")
        run("git", "tag", name, cwd=project)

    _give_moods(project)
    release("one", 1)
    home = project / "shop/templates/shop/home.html"
    home.write_text(home.read_text().replace("<h1>", "<h1>Two: "))
    style = project / "shop/static/shop/shop.css"
    style.write_text(style.read_text() + "h1 { letter-spacing: 1px; }\n" * 20)  # worth compressing
    release("two", 2)
    views = project / "shop/views.py"
    text = views.read_text()
    views.write_text(text.replace('HttpResponse("up\\n", ', _ILL))
    assert views.read_text() != text
    release("sick", 3)
    views.write_text(text)
    _write_migrations(project, release)
    return project


def _write_migrations(project: Path, release: Callable[[str, int], None]) -> None:
    models = project / "shop/models.py"
    before, migrations = models.read_text(), project / "shop/migrations"
    grown = before.replace(
        "\n    class Meta", "    note = models.TextField(null=True)\n\n    class Meta", 1
    )
    models.write_text(grown)
    (migrations / "0002_product_note.py").write_text(_GROWTH)
    (migrations / "0003_fill_notes.py").write_text(_FILLING)
    release("grown", 4)
    models.write_text(before)
    for name in ("0002_product_note.py", "0003_fill_notes.py"):
        (migrations / name).unlink()
    models.write_text(
        models.read_text().replace("    stock = models.PositiveIntegerField(default=0)\n", "")
    )
    (migrations / "0002_remove_product_stock.py").write_text(_REMOVAL)
    release("narrow", 5)


def _give_moods(project: Path) -> None:
    views = project / "shop/views.py"
    text = views.read_text().replace("import os\n", "import os\nimport time\n", 1)
    line = "    connection.ensure_connection()\n"
    assert line in text
    views.write_text(text.replace(line, f"{line}{_MOODS.rstrip()}\n"))
