"""The shop that is released to lab hosts, and the controller that does it; a real project with a real lock."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.measure import Taken, timed
from benchmarks.site import HERE, IMPORTS, make_virtualenv, static_file
from benchmarks.tools import Place, gather
from benchmarks.wire import Relay
from django_deploykit.runtime.base.documents import Document
from tests.lab.fleet import PORT, fill_in
from tests.lab.hosts import Host
from tests.projects import commit, make_shop, vendor

PYTHONS = {(3, 11): "bookworm", (3, 13): "trixie"}
_EXTRA = ("fabric>=3.2", "packaging>=23", "rich>=13", "uv>=0.5")
_HOME = "shop/templates/shop/home.html"


def suite() -> str:
    """Return the Debian whose Python is the one that runs this; a bundle is for one."""
    try:
        return PYTHONS[sys.version_info[:2]]
    except KeyError:
        known = " or ".join(f"{major}.{minor}" for major, minor in PYTHONS)
        raise SystemExit(
            f"error: the lab's hosts have Python {known}; run this with one of them"
        ) from None


def make_place(
    root: Path, *, large: bool, static: int = 0, filling: int = 0, with_pex: bool = False
) -> Place:
    """Make the shop's repository and its virtualenvs below ``root``.

    ``large`` takes the lock of 36 distributions and imports what it holds; ``static`` is a number of
    ordinary static files, ``filling`` of files of 100 kB that nothing compresses; ``with_pex`` makes a
    lock for pex, too.
    """
    project = make_shop(root)
    folder = project / "shop" / "static" / "filling"
    folder.mkdir(parents=True)
    for number in range(static):
        name, data = static_file(number)
        (folder / name).write_bytes(data)
    for number in range(filling):
        (folder / f"photo{number}.jpg").write_bytes(os.urandom(100_000))
    (project / "Procfile").write_text("web: gunicorn shop.wsgi --workers 2 --threads 8\n")
    if large:
        (project / "requirements.txt").write_bytes((HERE / "requirements.txt").read_bytes())
        vendor(project)
        settings = project / "shop" / "settings.py"
        first, mark, rest = settings.read_text().partition("from django_deploykit.conf")
        settings.write_text(f"{first}{IMPORTS}\n{mark}{rest}")
    commit(project, "Open the shop", "2026-11-23T04:30:00Z")
    base = Path(os.path.realpath(getattr(sys, "_base_executable", sys.executable)))
    place = Place(root, project, base, Path(), root / "dev" / "bin" / "python")
    gather(place, with_pex=with_pex)
    make_virtualenv(root / "dev", project, *_EXTRA)
    for name in ("out", "exports"):
        (root / name).mkdir()
    return place


def change(place: Place, number: int) -> str:
    """Change one line of a page and commit it; returns the text that the page then has."""
    path = place.project / _HOME
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    at = next(index for index, line in enumerate(lines) if line.startswith("<h1>"))
    text = f"Welcome to the shop, for the {number}. time"
    lines[at] = f"<h1>{text}</h1>\n"
    path.write_text("".join(lines), encoding="utf-8")
    hour, minute = divmod(number, 60)
    commit(place.project, f"Welcome number {number}", f"2026-11-23T{5 + hour:02}:{minute:02}:00Z")
    return text


@dataclass(frozen=True)
class Ran:
    """A run of ``manage.py release``: as a process, and what its JSON says."""

    taken: Taken
    data: Document

    @property
    def seconds(self) -> float:
        """From Enter to the prompt."""
        return self.taken.seconds


@dataclass
class Controller:
    """Releases a place's shop to hosts; a host with a relay is reached through it."""

    place: Place
    hosts: Sequence[Host]
    relays: dict[str, Relay] = field(default_factory=dict)
    start: tuple[str, ...] = ("manage.py",)  # or ("-m", "django_deploykit")
    most: float = 0.0  # MiB: the largest process of all runs

    def write(self) -> None:
        """Write ``deploykit.ini``, committed, and the configuration of ssh."""
        names = "".join(f"\n    deploy@{host.address}" for host in self.hosts)
        ini = self.place.project / "deploykit.ini"
        text = (
            f"[project]\nname = shop\n\n[environment:production]\nhosts ={names}\n"
            f"listen = {{address}}:{PORT}\nhealth = /up\nbatch = {max(1, len(self.hosts))}\n"
        )
        if ini.read_text(encoding="utf-8") != text:
            ini.write_text(text, encoding="utf-8")
            commit(self.place.project, "Name the hosts", "2026-11-23T04:45:00Z")
        sections = []
        for host in self.hosts:
            relay = self.relays.get(host.address)
            where = f"127.0.0.1\n  Port {relay.port}" if relay else host.address
            sections.append(
                f"Host {host.address}\n  HostName {where}\n  HostKeyAlias {host.address}\n"
                f"  IdentityFile {host.key}\n  IdentitiesOnly yes\n"
            )
        known = self.place.root / "known_hosts"
        known.write_text("".join(host.known_hosts.read_text() for host in self.hosts))
        sections.append(f"Host *\n  UserKnownHostsFile {known}\n  GlobalKnownHostsFile /dev/null\n")
        (self.place.root / "ssh_config").write_text("\n".join(sections), encoding="utf-8")

    def env(self) -> dict[str, str]:
        """Return the environment of ``manage.py``."""
        root = self.place.root
        cache = {"DEPLOYKIT_BUILD_CACHE": str(root / "build")}
        return self.place.env(DEPLOYKIT_SSH_CONFIG=str(root / "ssh_config"), **cache)

    def manage(self, *words: str) -> Ran:
        """Run ``manage.py`` with words and ``--json``."""
        argv: list[str | Path] = [self.place.dev, *self.start, *words, "--json"]
        taken = timed(argv, self.place.project, self.env())
        self.most = max(self.most, taken.memory)
        start = taken.output.find("\n{") + 1 if not taken.output.startswith("{") else 0
        return Ran(taken, json.loads(taken.output[start:]))

    def release(self, *words: str) -> Ran:
        """Run ``manage.py release production``."""
        return self.manage("release", "production", *words, "--noinput")

    def setup(self) -> None:
        """Make the hosts ready."""
        self.release("setup", "--user", "root")
        fill_in(*self.hosts)


def boot(count: int, extra: tuple[str, ...] = ()) -> list[Host]:
    """Boot hosts, a few at once; none stays where one fails."""
    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(Host, suite(), extra) for _ in range(count)]
    if any(future.exception() for future in futures):
        for future in futures:
            if not future.exception():
                future.result().close()
    return [future.result() for future in futures]
