"""Shops released to ``local``: bundles built once for all tests, a site of its own for each."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django_deploykit.runtime.base.documents import Document
from django_deploykit.runtime.base.site import load_site
from django_deploykit.runtime.bundle.reader import BundleFile
from django_deploykit.runtime.supervisors.local import LocalSupervisor
from tests.integration.shop_states import EDITS, rewrite
from tests.load import Load
from tests.ports import claim_port
from tests.projects import IDENTITY, commit, make_shop, manage
from tests.waiting import until


class Workshop:
    """A repository whose branches are the shop in several states, and the bundles made of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        with self._alone():
            if not (folder / "shop").exists():
                make_shop(folder)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with (self.folder / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # another worker of pytest may be at it
            yield

    def bundle(self, name: str) -> Path:
        """Return the bundle of the shop in the state ``name``, built when it is first wanted."""
        path = self.folder / f"{name}.pyz"
        with self._alone():
            if not path.exists():
                self._build(name, path)
        return path

    def _build(self, name: str, path: Path) -> None:
        project = self.folder / "shop"
        edit, when = EDITS[name]
        subprocess.run(["git", "checkout", "-qf", "main"], cwd=project, check=True)
        if name != "first":
            subprocess.run(["git", "checkout", "-qb", f"state-{name}"], cwd=project, check=True)
            edit(project)
            commit(project, f"Make it {name}", when)
        done = manage(project, "bundle", "--output", str(path))
        subprocess.run(["git", "checkout", "-qf", "main"], cwd=project, check=True)
        subprocess.run(["git", "clean", "-qfd", "shop"], cwd=project, check=True)
        assert done.returncode == 0, done.stderr

    def stock(self, store: Path) -> None:
        """Give a site the layers of the first bundle, as one that had it before."""
        from django_deploykit.runtime.storage.layers import extract_all

        source, bundle = self.folder / "store", self.bundle("first")
        with self._alone():
            if not source.exists():
                with BundleFile(bundle) as opened:
                    layers = opened.manifest.layers
                source.mkdir()
                extract_all(bundle, source, layers, lambda: None)
        shutil.copytree(source, store, copy_function=os.link)

    def project(self, folder: Path, port: int) -> Path:
        """Return a copy of the repository whose site listens on ``port``."""
        project = folder / "shop"
        with self._alone():
            ignore = shutil.ignore_patterns(".deploykit", "__pycache__")
            shutil.copytree(self.folder / "shop", project, ignore=ignore)
        rewrite(project / "deploykit.ini", ":8000", f":{port}")
        commit(project, "Move", "2026-11-23T04:16:00Z")
        return project


@dataclass
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Document:
        """What it printed for machines."""
        found: Document = json.loads(self.out)
        return found


class Shop:
    """A project of its own and its site on this machine."""

    def __init__(self, workshop: Workshop, folder: Path) -> None:
        self.workshop = workshop
        self.python = sys.executable
        self.port = claim_port()
        self.project = workshop.project(folder, self.port)
        self.root = self.project / ".deploykit" / "local" / "srv"

    def configure(self, **options: str) -> None:
        """Add options to ``[environment:local]``."""
        lines = "".join(f"{key} = {value}\n" for key, value in options.items())
        rewrite(
            self.project / "deploykit.ini",
            "[environment:local]\n",
            f"[environment:local]\n{lines}",
        )

    def run(self, *argv: str, **env: str) -> Done:
        """Run ``manage.py release`` with these arguments."""
        done = manage(self.project, "release", *argv, python=self.python, **env)
        return Done(done.returncode, done.stdout, done.stderr)

    def release(self, name: str, *argv: str, **env: str) -> Done:
        """Release the shop in a state."""
        return self.run("--bundle", str(self.workshop.bundle(name)), "--noinput", *argv, **env)

    def make_sick(self, how: str) -> None:
        """Choose how the bundle ``sick`` behaves: one of the words in ``fall_sick``."""
        data = self.project / ".deploykit" / "local" / "var"
        data.mkdir(parents=True, exist_ok=True)
        (data / "sick").write_text(how)

    def release_sick(self, how: str, *argv: str) -> Done:
        """Release the bundle ``sick``, which behaves as ``how`` says."""
        self.make_sick(how)
        return self.release("sick", *argv)

    def start(self, name: str, *argv: str) -> subprocess.Popen[str]:
        """Begin to release the shop in a state; its lines are read from standard error."""
        return self.begin("--bundle", str(self.workshop.bundle(name)), "--noinput", *argv)

    def begin(self, *argv: str) -> subprocess.Popen[str]:
        """Begin to run ``manage.py release`` with these arguments."""
        env = {key: value for key, value in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"}
        return subprocess.Popen(
            [sys.executable, "manage.py", "release", *argv],
            cwd=self.project,
            env={**env, **IDENTITY},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def live(self) -> str:
        """The id of the release that is live, "" if none is."""
        try:
            return os.path.basename(os.readlink(self.root / "current"))
        except OSError:
            return ""

    def get(self, path: str = "/") -> str:
        """Return a page."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=60) as answer:
            text: str = answer.read().decode()
        return text

    def answers(self) -> bool:
        """Whether anything listens and answers."""
        try:
            self.get("/up")
        except (OSError, urllib.error.URLError):
            return False
        return True

    def wait_for_workers(self, count: int = 2) -> None:
        """Wait until every web worker has read its configuration; the first to answer may be alone."""
        until(lambda: len(workers_ready(self.root)) >= count)

    def load(self, **options: Any) -> Load:
        """Return visitors who keep asking, keeping most connections for several requests."""
        return Load(self.port, **{"path": "/up", "connections": 4, "pause": 0.02, **options})

    def records(self) -> list[Document]:
        """Return the journal."""
        path = self.root / "journal.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def quiet(self, timeout: float = 60) -> None:
        """Wait until no verb works on the site any more, left over from a killed controller."""
        path = self.root / "switch.lock"
        until(lambda: not is_locked(path), timeout)

    def keep(self, folder: Path) -> None:
        """Copy the project with its site, which does not run, to a folder."""
        copy_site(self.project, folder)

    def restore(self, folder: Path) -> None:
        """Become what was kept, and let its live release run."""
        shutil.rmtree(self.project, ignore_errors=True)
        copy_site(folder, self.project)
        self._plain().start(self.live, ["web"])
        until(self.answers)

    def _plain(self) -> LocalSupervisor:
        archive = next((self.root / "runtime").glob("*.pyz"))
        python = os.path.realpath(getattr(sys, "_base_executable", "") or sys.executable)
        return LocalSupervisor(load_site(self.root), [python, "-I", "-S", str(archive)])

    def close(self) -> None:
        """Stop the site."""
        if (self.root / "site.json").exists():
            self.quiet()
            self._plain().end()


def is_locked(path: Path) -> bool:
    """Whether a process holds a lock on a file."""
    if not path.exists():
        return False
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def copy_site(source: Path, target: Path) -> None:
    """Copy a project with its site; what the site never writes to, its layers and releases, is linked."""

    def copy(path: str, made: str) -> None:
        if any(f"/srv/{name}/" in path for name in ("store", "releases", "shared")):
            os.link(path, made)
        else:
            shutil.copy2(path, made)

    shutil.copytree(source, target, symlinks=True, copy_function=copy)


def workers_ready(root: Path) -> list[Path]:
    """Return the gunicorn workers of a site that have loaded a database driver, as their settings say."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it may end meanwhile
            command = (process / "cmdline").read_bytes()
            ours = os.fsencode(root) in command and b"gunicorn" in command
            if ours and "_sqlite3" in (process / "maps").read_text():
                found.append(process)
    return found


def wait_for_line(process: subprocess.Popen[str], words: tuple[str, ...]) -> list[str]:
    """Read standard error until a line begins with one of these words; returns what was read."""
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        lines.append(line)
        if line.split()[:1] and line.split()[0] in words:
            break
    return lines


def kill(process: subprocess.Popen[str]) -> None:
    """Kill a controller as a power cut would."""
    process.send_signal(signal.SIGKILL)
    process.communicate()
