"""A controller with hosts: the real ``testproject/`` as a repository, its bundles, its ``manage.py release``.

The controller's own ssh configuration lies in a file of its own (``DEPLOYKIT_SSH_CONFIG``), so
nothing of the machine's is touched.
"""

from __future__ import annotations

import contextlib
import json
import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab.hosts import Host
from tests.projects import IDENTITY, commit, make_shop, manage

PYTHONS = {"bookworm": "3.11", "trixie": "3.13"}
PORT = 8000
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
class Done:
    """What a command did; ``data`` is its JSON object."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> dict[str, Any]:
        """The JSON object that was printed."""
        found = json.loads(self.out)
        assert isinstance(found, dict), self.out
        return found

    def well(self) -> Done:
        """Return itself where the command succeeded."""
        assert self.code == 0, f"exit {self.code}\n{self.out}\n{self.err}"
        return self


@dataclass(frozen=True)
class Bundles:
    """Releases of one shop for one Python, each made from the one before.

    ``one`` and ``two`` differ in a page, ``sick`` answers its health path with 500 once it is served,
    ``grown`` has two more migrations, ``narrow`` takes a column away that the older ones need.
    """

    repository: Path
    one: Path
    two: Path
    sick: Path
    grown: Path
    narrow: Path

    def id(self, name: str) -> str:
        """Return a release's id."""
        path: Path = getattr(self, name)
        return path.stem.removeprefix("shop-")


def build_bundles(folder: Path, python: str) -> Bundles:
    """Build the bundles of a shop with a worker; takes some seconds."""
    project = make_shop(folder)
    (project / "Procfile").write_text(_PROCFILE)
    (project / "shop/management/commands/restock.py").write_text(_WORKER)
    made: dict[str, Path] = {}

    def bundle(name: str, minute: int) -> None:
        commit(project, f"Make it {name}", f"2026-11-24T04:{minute:02}:00Z")
        done = manage(project, "bundle", "--python", python, "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        made[name] = Path(json.loads(done.stdout)["path"])

    _give_moods(project)
    bundle("one", 1)
    home = project / "shop/templates/shop/home.html"
    home.write_text(home.read_text().replace("<h1>", "<h1>Two: "))
    bundle("two", 2)
    views = project / "shop/views.py"
    text = views.read_text()
    views.write_text(text.replace('HttpResponse("up\\n", ', _ILL))
    assert views.read_text() != text
    bundle("sick", 3)
    views.write_text(text)
    models = project / "shop/models.py"
    before, migrations = models.read_text(), project / "shop/migrations"
    grown = before.replace(
        "\n    class Meta", "    note = models.TextField(null=True)\n\n    class Meta", 1
    )
    models.write_text(grown)
    (migrations / "0002_product_note.py").write_text(_GROWTH)
    (migrations / "0003_fill_notes.py").write_text(_FILLING)
    bundle("grown", 4)
    models.write_text(before)
    for name in ("0002_product_note.py", "0003_fill_notes.py"):
        (migrations / name).unlink()
    models.write_text(
        models.read_text().replace("    stock = models.PositiveIntegerField(default=0)\n", "")
    )
    (migrations / "0002_remove_product_stock.py").write_text(_REMOVAL)
    bundle("narrow", 5)
    return Bundles(project, **made)


def _give_moods(project: Path) -> None:
    views = project / "shop/views.py"
    text = views.read_text().replace("import os\n", "import os\nimport time\n", 1)
    line = "    connection.ensure_connection()\n"
    assert line in text
    views.write_text(text.replace(line, f"{line}{_MOODS.rstrip()}\n"))


class Controller:
    """A machine that releases: a copy of the repository, an ssh configuration, hosts by name."""

    def __init__(self, folder: Path, bundles: Bundles, hosts: Sequence[Host]) -> None:
        self.folder, self.bundles, self.hosts = folder, bundles, list(hosts)
        folder.mkdir(parents=True, exist_ok=True)
        self.project = folder / "shop"
        shutil.copytree(
            bundles.repository, self.project, ignore=shutil.ignore_patterns(".deploykit")
        )
        self.ssh_config = folder / "ssh_config"
        self.known_hosts = folder / "known_hosts"
        self.know(*self.hosts)

    def know(self, *hosts: Host, extra: str = "") -> None:
        """Write the ssh configuration: each host's address has its own key, and its host key is known."""
        sections = [
            f"Host {host.address} {host.name}\n  HostName {host.address}\n"
            f"  IdentityFile {host.key}\n  IdentitiesOnly yes\n"
            for host in hosts
        ]
        sections.append(
            f"Host *\n  UserKnownHostsFile {self.known_hosts}\n  GlobalKnownHostsFile /dev/null\n"
        )
        self.ssh_config.write_text(extra + "\n".join(sections))
        self.known_hosts.write_text("".join(host.known_hosts.read_text() for host in hosts))

    def write_ini(self, environment: str = "", more: str = "") -> None:
        """Write ``deploykit.ini`` with the environment ``production`` of all hosts."""
        hosts = "".join(f"\n    deploy@{host.address}" for host in self.hosts)
        self.project.joinpath("deploykit.ini").write_text(
            f"[project]\nname = shop\n\n[environment:production]\nhosts ={hosts}\n"
            f"listen = {{address}}:{PORT}\nhealth = /up\n{environment}\n{more}"
        )

    def run(self, *words: str, **env: str) -> Done:
        """Run ``manage.py release production`` with words."""
        return self.manage("release", "production", *words, **env)

    def manage(self, *words: str, **env: str) -> Done:
        """Run ``manage.py``."""
        done = manage(self.project, *words, DEPLOYKIT_SSH_CONFIG=str(self.ssh_config), **env)
        return Done(done.returncode, done.stdout, done.stderr)

    def start(self, *words: str, **env: str) -> subprocess.Popen[str]:
        """Start ``manage.py release production`` and go on."""
        clean = {key: value for key, value in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"}
        config = {"DEPLOYKIT_SSH_CONFIG": str(self.ssh_config)}
        return subprocess.Popen(
            [sys.executable, "manage.py", "release", "production", *words],
            cwd=self.project,
            env={**clean, **IDENTITY, **config, **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def on_terminal(self, *words: str, typed: str) -> tuple[int, str]:
        """Run ``manage.py release production`` on a terminal; return its exit code and the screen."""
        ours, theirs = pty.openpty()
        clean = {key: value for key, value in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"}
        process = subprocess.Popen(
            [sys.executable, "manage.py", "release", "production", *words],
            cwd=self.project,
            env={
                **clean,
                **IDENTITY,
                "DEPLOYKIT_SSH_CONFIG": str(self.ssh_config),
                "TERM": "vt100",
            },
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        os.write(ours, typed.encode())
        screen = b""
        with contextlib.suppress(OSError):  # the terminal's other side was closed
            while piece := os.read(ours, 1 << 16):
                screen += piece
        os.close(ours)
        return process.wait(), screen.decode(errors="replace")

    def setup(self, *words: str) -> Done:
        """Set the hosts up as root, with the bundle ``one`` unless another is named."""
        bundle = () if "--bundle" in words else ("--bundle", str(self.bundles.one))
        return self.run("--setup", "--user", "root", "--noinput", "--json", *bundle, *words)

    def release(self, name: str, *words: str, **env: str) -> Done:
        """Release a bundle by its name."""
        path = getattr(self.bundles, name)
        return self.run("--bundle", str(path), "--noinput", "--json", *words, **env)

    def id(self, name: str) -> str:
        """Return a release's id."""
        return self.bundles.id(name)


def fill_in(*hosts: Host, **more: str) -> None:
    """Do what is left to a person after setup: name the site in its configuration."""
    for host in hosts:
        names = f"shop.example.com, {host.address}, localhost"
        host.run(f"sed -i 's/^# *allowed_hosts.*/allowed_hosts = {names}/' /etc/shop/shop.ini")


def live(host: Host) -> str:
    """Return the release that a host's site says it is, asked as a browser behind the proxy would."""
    page = get(host, "/")
    assert "Release " in page, page
    return page.partition("Release ")[2].partition("<")[0].strip()


def get(host: Host, path: str) -> str:
    """Return a page of a host's site."""
    import http.client

    connection = http.client.HTTPConnection(host.address, PORT, timeout=10)
    try:
        connection.request("GET", path, headers={"X-Forwarded-Proto": "https"})
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def boot_all(boot: Any, suites: Sequence[str]) -> list[Host]:
    """Boot several hosts at once."""
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(boot, suites))


def facts_of(rows: Mapping[str, Any], host: Host) -> Any:
    """Return what a command's JSON says of a host."""
    return rows[f"deploy@{host.address}"]
