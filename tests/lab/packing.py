"""The shop with a Celery worker that packs: its bundles ``lean``, ``spare`` and ``rich``."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.lab.fleet import Controller
from tests.projects import commit, manage, run, uv

_LEAN = """\
web: gunicorn shop.wsgi --workers ${WEB_CONCURRENCY:-2} --threads 8
worker: celery -A shop.tasks worker --concurrency 1 --without-gossip --without-mingle
"""
_MORE = "mailer: python manage.py restock --watch\n"
_TASKS = """\
import os
import time

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")

from celery import Celery, bootsteps
from django.conf import settings

FOLDER = settings.MEDIA_ROOT.with_name("queue")
FOLDER.mkdir(exist_ok=True)
app = Celery("shop", broker="filesystem://")
app.conf.broker_transport_options = {
    "data_folder_in": str(FOLDER),
    "data_folder_out": str(FOLDER),
    "control_folder": str(FOLDER / "control"),
}
# What a worker has fetched it also does before it ends: let it fetch no more than one ahead.
app.conf.task_acks_late = True
app.conf.worker_prefetch_multiplier = 1


class Closing(bootsteps.StartStopStep):
    # "Warm shutdown" is written when the signal comes; its loop may fetch until it looks next.
    def stop(self, consumer):
        print("fetches no more", flush=True)


app.steps["consumer"].add(Closing)


@app.task
def pack(name):
    release = os.environ["DEPLOYKIT_RELEASE"]
    with open(FOLDER.with_name("packed"), "a") as log:
        print("begun", name, release, file=log, flush=True)
        while FOLDER.with_name("hold").exists():
            time.sleep(0.05)
        print("packed", name, release, file=log, flush=True)
"""
# Whole or not at all: what it did before it fails goes with it.
_ATOMIC = """\
from django.conf import settings
from django.db import migrations, models


def fill(apps, schema_editor):
    apps.get_model("shop", "Product").objects.create(name="Note", price=1)
    if settings.MEDIA_ROOT.with_name("unlucky").exists():
        raise RuntimeError("there is no note to write")


class Migration(migrations.Migration):
    dependencies = [("shop", "0001_initial")]
    operations = [
        migrations.AddField("product", "note", models.TextField(null=True)),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
"""
# Row by row, as is done with many: it goes on where it stopped.
_ROWS = """\
from django.conf import settings
from django.db import migrations


def fill(apps, schema_editor):
    empty = apps.get_model("shop", "Product").objects.filter(note=None)
    while (product := empty.order_by("name").first()) is not None:
        product.note = product.name
        product.save()
        if settings.MEDIA_ROOT.with_name("unfortunate").exists():
            raise RuntimeError("the ink ran out")


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("shop", "0002_product_note")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
"""
# ``spare`` is as ``lean``, ``rich`` has a process and two migrations more.
_COMMITS = {
    "lean": "2026-11-24T04:07:00Z",
    "spare": "2026-11-24T04:08:00Z",
    "rich": "2026-11-24T04:09:00Z",
}


def write_bundles(controller: Controller, folder: Path) -> dict[str, Path]:
    """Write the bundles, with Celery and psycopg, of commits behind ``two``; return their paths."""
    project = folder / "shop"
    shutil.copytree(controller.bundles.repository, project)
    run("git", "checkout", "-q", "two", cwd=project)
    python = controller.bundles.python
    lock_more(project, python, "celery", "psycopg[binary]")
    (project / "shop/tasks.py").write_text(_TASKS)
    found = {}
    for name, when in _COMMITS.items():
        (project / "Procfile").write_text(_LEAN + (_MORE if name == "rich" else ""))
        if name == "rich":
            _enrich(project)
        commit(project, f"Make it {name}", when)
        found[name] = project.parent / f"{name}.pyz"
        done = manage(project, "bundle", "--python", python, "--output", str(found[name]))
        assert done.returncode == 0, done.stdout + done.stderr
    return found


def lock_more(project: Path, python: str, *names: str) -> None:
    """Add distributions to a shop's requirements, and lock them again."""
    lock, wanted = project / "requirements.txt", project / "requirements.in"
    ours = lock.read_text().partition("./vendor/")
    wanted.write_text("\n".join((wanted.read_text(), *names, "")))
    compiling = ("pip", "compile", "-q", "--generate-hashes", "--no-emit-index-url")
    files = (wanted.name, "-o", lock.name)
    run(uv(), *compiling, "--python-version", python, *files, cwd=project)
    lock.write_text(lock.read_text() + "".join(ours[1:]))


def _enrich(project: Path) -> None:
    """Give products a note."""
    models = project / "shop/models.py"
    text = models.read_text()
    field = "    note = models.TextField(null=True)\n\n    class Meta"
    models.write_text(text.replace("\n    class Meta", field, 1))
    assert models.read_text() != text
    migrations = project / "shop/migrations"
    (migrations / "0002_product_note.py").write_text(_ATOMIC)
    (migrations / "0003_fill_notes.py").write_text(_ROWS)
