"""The page about the first server, followed word for word: from a bare Debian to HTTPS."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.docs.following import missing, shell
from tests.docs.markdown import ROOT, Block, blocks
from tests.lab.conftest import BootHost, BundlesFor
from tests.lab.hosts import Host
from tests.lab.images import image
from tests.lab.internet import Internet
from tests.lab.packing import lock_more
from tests.projects import IDENTITY, commit, manage, run

PAGE = ROOT / "docs" / "how-to" / "first-server.md"
NAME = "www.example.com"
# A port where nothing listens: without a firewall the connection would be refused.
_KNOCK = f"""\
import socket
try:
    socket.create_connection(("{NAME}", 9), timeout=1)
except TimeoutError:
    print("dropped")
"""


@pytest.fixture
def internet(lab: None, tmp_path: Path) -> Iterator[Internet]:
    made = Internet(tmp_path, NAME)
    yield made
    made.close()


@dataclass(frozen=True)
class Reader:
    """Somebody who follows the page: a project, a server, and what is between them."""

    project: Path
    host: Host
    internet: Internet

    def follow(self, block: Block) -> None:
        """Do what a block says, where it says, and compare what it prints."""
        if block.note == "restart":
            self.host.reboot()
            return
        on_server = block.note == "on the server" or block.note.startswith("edit /etc/")
        script = f"set -e\n{shell(block)}"  # not as input, which the commands would read
        if on_server:
            words = [*self.host.ssh(), script]
        else:
            words = [*self.internet.enter, "env", "-C", str(self.project), "bash", "-c", script]
        done = subprocess.run(
            ["timeout", "150", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self.environment(),
        )
        assert done.returncode == 0, f"{block.where} failed:\n{done.stdout}"
        assert missing(block, done.stdout) == []

    def environment(self) -> dict[str, str]:
        """Return the variables on the reader's machine."""
        outside = {k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"}
        trusted = {"CURL_CA_BUNDLE": str(self.internet.root)}
        return {**outside, **IDENTITY, **trusted}


@pytest.fixture
def reader(
    boot_host: BootHost, bundles_for: BundlesFor, internet: Internet, tmp_path: Path
) -> Reader:
    host = boot_host("trixie", internet)
    bundles = bundles_for("trixie")
    project = tmp_path / "shop"
    shutil.copytree(bundles.repository, project, ignore=shutil.ignore_patterns(".deploykit"))
    run("git", "checkout", "-q", "one", cwd=project)
    lock_more(project, bundles.python, "psycopg[binary]")
    commit(project, "Use PostgreSQL")
    # Outside there is no package index either: what the lock file names is in the build cache.
    done = manage(project, "bundle", "--python", bundles.python)
    assert done.returncode == 0, done.stdout + done.stderr
    shutil.copy(host.key, internet.ssh)
    known = host.known_hosts.read_text().replace(host.address, NAME)
    (internet.ssh / "known_hosts").write_text(known)
    return Reader(project, host, internet)


def test_leads_from_a_bare_host_to_https(reader: Reader) -> None:
    host, internet = reader.host, reader.internet
    with internet.authority(image("trixie") / "usr/bin/caddy") as address:
        for name, text in {
            "/etc/hosts": internet.hosts,
            "/etc/apt/sources.list": "",  # all packages of the page are there
            # Only without a terminal does certbot wait before it renews.
            "/etc/letsencrypt/cli.ini": f"server = {address}\nno-random-sleep-on-renew = true\n",
            "/usr/local/share/ca-certificates/lab.crt": internet.root.read_text(),
        }.items():
            host.run(f"mkdir -p $(dirname {name}); cat > {name}", data=text)
        host.run("update-ca-certificates")
        for block in blocks(PAGE):
            if block.note:
                reader.follow(block)
    assert internet.run("python3", "-c", _KNOCK) == "dropped\n"
