"""A PostgreSQL that hosts share: it runs on this machine, on an address of its own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import until

_ADDRESS = "127.0.2.1"


@dataclass(frozen=True)
class Postgres:
    """A server with one database, ``shop``."""

    binaries: Path
    port: str

    @property
    def url(self) -> str:
        """What a site's configuration names it by."""
        return f"postgres://shop@{_ADDRESS}:{self.port}/shop"

    def command(self, name: str, *words: str) -> list[str]:
        """Return one of its programs with what reaches it."""
        reach = ("-h", _ADDRESS, "-p", self.port, "-U", "shop")
        return [str(self.binaries / name), *reach, *words]

    def ask(self, query: str) -> list[str]:
        """Return the rows that a query gives, a line each."""
        command = self.command("psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", query, "shop")
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return done.stdout.splitlines()


@contextmanager
def serving() -> Iterator[Postgres]:
    """Run a server while the block does; skipped where there is none, never in CI."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        reason = "a shared database needs PostgreSQL: apt-get install postgresql"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    folder = Path("/var/tmp") / f"deploykit-lab-{os.getpid()}"
    folder.mkdir()
    shutil.chown(folder, "postgres", "postgres")
    with socket.socket() as free:
        free.bind((_ADDRESS, 0))
        server = Postgres(found[-1].parent, str(free.getsockname()[1]))
    given: Any = {"cwd": folder, "user": "postgres", "group": "postgres", "extra_groups": []}
    words = ["--auth=trust", "--username=shop", "--no-sync", "-D", str(folder / "data")]
    subprocess.run(
        [server.binaries / "initdb", *words], check=True, stdout=subprocess.DEVNULL, **given
    )
    options = ["-D", f"{folder}/data", "-h", _ADDRESS, "-p", server.port, "-k", str(folder), "-F"]
    process = subprocess.Popen(
        [server.binaries / "postgres", *options], stderr=subprocess.DEVNULL, **given
    )
    try:
        until(lambda: not subprocess.run(server.command("pg_isready", "-q")).returncode)
        subprocess.run(server.command("createdb", "shop"), check=True)
        yield server
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
        shutil.rmtree(folder)
