"""A Docker daemon, podman and a registry of their own, on loopback."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.ports import claim_port
from tests.waiting import until

_TOOLS = (
    *("dockerd", "docker", "docker-compose", "podman", "skopeo", "docker-registry", "runc"),
    *("nginx", "systemd-analyze"),
)


def why_not() -> str:
    """Return why no engine can run here, or ""."""
    if os.name != "posix" or os.geteuid() != 0:
        return "engines need root"
    lacking = [one for one in _TOOLS if shutil.which(one) is None]
    return f"engines need {', '.join(lacking)}" if lacking else ""


class Relay(socketserver.ThreadingTCPServer):
    """Passes connections on to a port, and counts the bytes that clients send."""

    def __init__(self, target: int) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.sent, self.target = 0, target

    def __enter__(self) -> Relay:
        threading.Thread(target=self.serve_forever).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()  # waits for the connections


class _Connection(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        relay: Any = self.server
        with socket.create_connection(("127.0.0.1", relay.target)) as server:
            answers = threading.Thread(target=self._copy, args=(server, self.request))
            answers.start()
            for size in self._pieces(self.request, server):
                relay.sent += size
            answers.join()

    def _copy(self, source: socket.socket, target: socket.socket) -> None:
        for _ in self._pieces(source, target):
            pass

    @staticmethod
    def _pieces(source: socket.socket, target: socket.socket) -> Iterator[int]:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                target.sendall(data)
                yield len(data)
            target.shutdown(socket.SHUT_WR)


class Engines:
    """A Docker daemon, a registry, and the commands of the page, which use them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port, self.registry = folder, claim_port(), claim_port()
        self._running: list[subprocess.Popen[bytes]] = []
        for name in ("bin", "etc"):
            (folder / name).mkdir()
        socket = f"unix://{folder}/docker.sock"
        self._command("nginx", f"nginx -c {folder}/nginx.conf")
        self._command("skopeo", f"skopeo --registries-conf {folder}/registries.conf")
        folders = f"--root {folder}/podman --runroot {folder}/podman-run"
        self._command("podman", f"podman {folders} --cgroup-manager cgroupfs --runtime runc")
        insecure = f'[[registry]]\nlocation = "127.0.0.1:{self.registry}"\ninsecure = true\n'
        (folder / "registries.conf").write_text(insecure)
        (folder / "registry.yml").write_text(
            f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {folder}/registry}}}}\n"
            f"http: {{addr: 127.0.0.1:{self.registry}}}\n"
        )
        self._start("docker-registry", "serve", f"{folder}/registry.yml")
        self._start(
            *("dockerd", "--iptables=false", "--bridge=none", "-H", socket),
            *(f"--data-root={folder}/docker", f"--exec-root={folder}/docker-run"),
            f"--pidfile={folder}/docker.pid",
        )
        until(lambda: self.answers(f"http://127.0.0.1:{self.registry}/v2/"))
        until(lambda: self.call("docker version").returncode == 0)

    def _command(self, name: str, command: str) -> None:
        path = self.folder / "bin" / name
        path.write_text(
            f'#!/bin/sh\nexec {command.replace(name, shutil.which(name) or "", 1)} "$@"\n'
        )
        path.chmod(0o755)

    def _start(self, *argv: str) -> None:
        log = (self.folder / f"{argv[0]}.log").open("wb")
        self._running.append(subprocess.Popen(argv, stdout=log, stderr=log))
        log.close()

    def close(self) -> None:
        self.call("docker rm -f shop; podman rm -f -t 0 shop")
        for one in reversed(self._running):
            one.send_signal(signal.SIGTERM)
            one.wait(60)
        mounted = [row.split()[1] for row in Path("/proc/mounts").read_text().splitlines()]
        for path in reversed([one for one in mounted if one.startswith(f"{self.folder}/")]):
            subprocess.run(["umount", "-l", path], capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def environ(self) -> dict[str, str]:
        clean = {key: text for key, text in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"}
        programs = (f"{self.folder}/bin", os.path.dirname(sys.executable), os.environ["PATH"])
        return {
            **clean,
            "PATH": ":".join(programs),
            "DOCKER_HOST": f"unix://{self.folder}/docker.sock",
            "CONTAINERS_REGISTRIES_CONF": f"{self.folder}/registries.conf",
        }

    def start(self, script: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(["sh", "-c", f"exec {script}"], env=self.environ())

    def call(self, script: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        argv = ["sh", "-c", script]
        return subprocess.run(
            argv, cwd=cwd, env=self.environ(), capture_output=True, text=True, timeout=240
        )

    def run(self, script: str, cwd: Path | None = None) -> str:
        done = self.call(script, cwd)
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    @staticmethod
    def answers(url: str) -> bool:
        try:
            with urllib.request.urlopen(url, timeout=5) as response:
                return bool(response.status == 200)
        except OSError:
            return False

    def pushed(self) -> int:
        """Return the bytes of the blobs that the registry has."""
        found = (self.folder / "registry").rglob("blobs/sha256/*/*/data")
        return sum(path.stat().st_size for path in found)


@contextmanager
def running_engines() -> Iterator[Engines]:
    """Yield engines, which end with the block."""
    # podman takes paths of 50 characters at most.
    made = Engines(Path(tempfile.mkdtemp(prefix="engines-", dir="/tmp")))
    try:
        yield made
    finally:
        made.close()
