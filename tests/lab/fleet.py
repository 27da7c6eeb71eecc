"""A controller with hosts: the real ``testproject/`` as a repository, its ``manage.py release``.

The controller's ssh configuration is a file of its own (``DEPLOYKIT_SSH_CONFIG``), so that nothing of
this machine's is touched.
"""

from __future__ import annotations

import contextlib
import json
import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django_deploykit.runtime.base.documents import Document
from tests.lab.hosts import Host
from tests.lab.releases import Bundles
from tests.projects import IDENTITY, manage

PORT = 8000


@dataclass(frozen=True)
class Done:
    """What a command did; ``data`` is its JSON object."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Document:
        """The JSON object that was printed."""
        found = json.loads(self.out)
        assert isinstance(found, dict), self.out
        return found

    def well(self) -> Done:
        """Return itself where the command succeeded."""
        assert self.code == 0, f"exit {self.code}\n{self.out}\n{self.err}"
        return self


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

    def write_ini(
        self, environment: str = "", more: str = "", listen: str = f"{{address}}:{PORT}"
    ) -> None:
        """Write ``deploykit.ini`` with the environment ``production`` of all hosts."""
        hosts = "".join(f"\n    deploy@{host.address}" for host in self.hosts)
        self.project.joinpath("deploykit.ini").write_text(
            f"[project]\nname = shop\n\n[environment:production]\nhosts ={hosts}\n"
            f"listen = {listen}\nhealth = /up\n{environment}\n{more}"
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

    def on_terminal(self, *words: str, typed: str, after: str) -> tuple[int, str]:
        """Run ``manage.py release production`` on a terminal; return its exit code and the screen.

        What is typed comes when the screen shows ``after``.
        """
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
        screen, waiting = b"", True
        with contextlib.suppress(OSError):  # the terminal's other side was closed
            while piece := os.read(ours, 1 << 16):
                screen += piece
                if waiting and after.encode() in screen:
                    waiting = False
                    os.write(ours, typed.encode())
        os.close(ours)
        return process.wait(), screen.decode(errors="replace")

    def setup(self, *words: str) -> Done:
        """Set the hosts up as root, with the bundle ``one`` unless another is named."""
        bundle = () if "--bundle" in words else ("--bundle", str(self.bundles.one))
        return self.run("setup", "--user", "root", "--noinput", "--json", *bundle, *words)

    def release(self, name: str, *words: str, **env: str) -> Done:
        """Release a bundle by its name."""
        path = self.bundles.path(name)
        return self.run("--bundle", str(path), "--noinput", "--json", *words, **env)

    def be_live(self, name: str) -> None:
        """Make a release live on every host; does nothing where it already is."""
        if {current(host) for host in self.hosts} != {self.id(name)}:
            self.release(name).well()

    def id(self, name: str) -> str:
        """Return a release's id."""
        return self.bundles.id(name)


def fill_in(*hosts: Host, **more: str) -> None:
    """Do what is left to a person after setup: name the site in its configuration."""
    for host in hosts:
        names = f"shop.example.com, {host.address}, localhost"
        host.run(f"sed -i 's/^# *allowed_hosts.*/allowed_hosts = {names}/' /etc/shop/shop.ini")


def current(host: Host) -> str:
    """Return the release that a host's ``current`` names, "" before the first."""
    return host.run('basename "$(readlink /srv/shop/current)"').strip()


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


def facts_of(rows: Document, host: Host) -> Any:
    """Return what a command's JSON says of a host."""
    return rows[f"deploy@{host.address}"]
