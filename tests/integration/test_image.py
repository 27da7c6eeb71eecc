"""Images on real engines: Docker, podman and a registry, as docs/how-to/containers.md uses them."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import shlex
import shutil
import signal
import socket
import socketserver
import subprocess
import sys
import tarfile
import tempfile
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from django_deploykit.bundle.formats.oci_image import entries_of
from django_deploykit.runtime.base.documents import Document
from django_deploykit.runtime.bundle.manifest import Manifest
from tests.docs.markdown import ROOT, blocks
from tests.images import write_python_base
from tests.integration.bundling import KEY
from tests.ports import claim_port
from tests.projects import make_shop, manage, run
from tests.waiting import until

_TOOLS = ("dockerd", "docker", "podman", "skopeo", "docker-registry", "runc")
_LACKING = [one for one in _TOOLS if shutil.which(one) is None]
pytestmark = [
    pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="engines need root"),
    pytest.mark.skipif(bool(_LACKING), reason=f"engines need {', '.join(_LACKING)}"),
]
_PAGE = ROOT / "docs" / "how-to" / "containers.md"
_BASE = "docker://python:3.13-slim"


class File(NamedTuple):
    data: bytes
    mode: int
    is_link: bool


@dataclass(frozen=True)
class Image:
    """A shop's image, and the project that it was built of."""

    project: Path
    facts: Document

    @property
    def path(self) -> Path:
        return Path(self.facts["path"])

    @property
    def release(self) -> str:
        return str(self.facts["release_id"])

    def files(self) -> dict[str, File]:
        """Return the files above the base, by path. No path may be in two layers."""
        _, manifest, blobs = self.documents()
        result: dict[str, File] = {}
        for layer in manifest["layers"][1:]:
            with tarfile.open(fileobj=io.BytesIO(gzip.decompress(blobs[layer["digest"]]))) as tar:
                for one in (one for one in tar if one.isreg() or one.islnk()):
                    assert one.name not in result
                    file = tar.extractfile(one)
                    result[one.name] = File(file.read() if file else b"", one.mode, one.islnk())
        return result

    def documents(self) -> tuple[str, Document, dict[str, bytes]]:
        """Return the digest of the image, its manifest, and the blobs of its layers by digest."""
        with tarfile.open(self.path) as tar:
            found = {one.name: tar.extractfile(one) for one in tar}
            data = {name: file.read() for name, file in found.items() if file}
        digest = json.loads(data["index.json"])["manifests"][0]["digest"]
        blobs = {name.replace("blobs/sha256/", "sha256:"): one for name, one in data.items()}
        return digest, json.loads(blobs[digest]), blobs


def build(project: Path) -> Image:
    done = manage(project, "bundle", "--format", "oci", "--json")
    assert done.returncode == 0, done.stderr
    return Image(project, json.loads(done.stdout))


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """An image on a base that has this machine's Python and no shell."""
    project = make_shop(tmp_path_factory.mktemp("image"))
    named = write_python_base(project.parent / "python.oci.tar").replace(f"{project.parent}", "..")
    with (project / "deploykit.ini").open("a") as file:
        file.write(f"\n[format:oci]\nbase = {named}\nhealth = /up\n")
    run("git", "commit", "-qam", "Build images", cwd=project)
    return build(project)


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
        self._command("docker", f"docker -H {socket}")
        self._command("skopeo", f"skopeo --registries-conf {folder}/registries.conf")
        folders = f"--root {folder}/podman --runroot {folder}/podman-run"
        self._command("podman", f"podman {folders} --cgroup-manager cgroupfs --runtime runc")
        insecure = f'[[registry]]\nlocation = "127.0.0.1:{self.registry}"\ninsecure = true\n'
        (folder / "registries.conf").write_text(insecure)
        (folder / "registry.yml").write_text(
            f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {folder}/registry}}}}\n"
            f"http: {{addr: 127.0.0.1:{self.registry}}}\n"
        )
        (folder / "etc" / "shop.ini").write_text(
            f"[django]\nsecret_key = {KEY}\nallowed_hosts = localhost, 127.0.0.1\n"
            "[database]\nurl = sqlite:////var/lib/shop/db.sqlite3\n"
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

    def call(self, script: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        clean = {key: text for key, text in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"}
        programs = (f"{self.folder}/bin", os.path.dirname(sys.executable), os.environ["PATH"])
        env = {
            **clean,
            "PATH": ":".join(programs),
            "CONTAINERS_REGISTRIES_CONF": f"{self.folder}/registries.conf",
        }
        return subprocess.run(
            ["sh", "-c", script], cwd=cwd, env=env, capture_output=True, text=True, timeout=120
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


@pytest.fixture(scope="module")
def engines() -> Iterator[Engines]:
    # podman takes paths of 50 characters at most.
    made = Engines(Path(tempfile.mkdtemp(prefix="engines-", dir="/tmp")))
    yield made
    made.close()


def test_every_command_of_the_page(image: Image, engines: Engines) -> None:
    registry = f"127.0.0.1:{engines.registry}"
    base = image.project.parent / "python.oci.tar"
    engines.run(f"skopeo copy oci-archive:{base} docker://{registry}/python:base")
    changes = {
        _BASE: f"docker://{registry}/python:base",
        "20261123T041500-ab12cd3": image.release,
        "registry.example.com": registry,
        "-p 8000:8000": f"--network host -e PORT={engines.port}",
        "/etc/shop:/etc/shop": f"{engines.folder}/etc:/etc/shop",
        "/livez": "/up",
        "podman run": "podman run --ulimit nofile=1024:1024 --ulimit nproc=1024:1024",
    }
    work = image.project.parent / "work"
    shutil.rmtree(work, ignore_errors=True)  # of an earlier try
    shutil.copytree(image.project, work)
    for block in blocks(_PAGE):
        if block.language != "sh":
            continue
        for line in block.text.splitlines():
            command = line
            for old, new in changes.items():
                command = command.replace(old, new)
            printed = engines.run(command, work)
            if " run -d " in line:
                until(lambda: engines.answers(f"http://127.0.0.1:{engines.port}/up"))
            if " stop " in line:
                state = engines.run(f"{shlex.split(line)[0]} inspect shop")
                assert json.loads(state)[0]["State"]["ExitCode"] == 0
            if "exec shop shop --probe" in line:
                assert printed == "healthy\n"
    assert (work / "python.oci.tar").is_file()
    pulled = f"{registry}/shop:{image.release}"
    for engine in ("docker", "podman"):
        found = json.loads(engines.run(f"{engine} image inspect {pulled}"))[0]
        digests = {one.partition("@")[2] for one in found["RepoDigests"]}
        assert digests == {image.documents()[0]}


def test_a_change_of_one_line_sends_kilobytes(image: Image, engines: Engines) -> None:
    with Relay(engines.registry) as relay:
        address = f"127.0.0.1:{relay.server_address[1]}"
        target = f"--dest-tls-verify=false docker://{address}/change"
        engines.run(f"skopeo copy oci-archive:{image.path} {target}:1")
        assert relay.sent > 1_000_000
        project = image.project.parent / "changed"
        shutil.rmtree(project, ignore_errors=True)  # of an earlier try
        shutil.copytree(image.project, project)
        with (project / "shop" / "urls.py").open("a") as file:
            file.write("\n# One more line.\n")
        run("git", "commit", "-qam", "Change a line", cwd=project)
        changed = build(project)
        sent, stored = relay.sent, engines.pushed()
        engines.run(f"skopeo copy oci-archive:{changed.path} {target}:2")
        assert 0 < engines.pushed() - stored <= relay.sent - sent < 64_000


def test_the_files_are_those_of_the_layers(image: Image) -> None:
    found = image.files()
    manifest = Manifest.loads(found["srv/release/manifest.json"].data.decode())
    assert manifest.release_id == image.release
    for layer in manifest.layers:
        for path, mode, _, digest in entries_of(layer):  # verified against the layer's digest
            file = found.pop(f"srv/release/{path}")
            assert (file.mode, hashlib.sha256(file.data).hexdigest()) == (mode, digest)
    more = {name.removeprefix("srv/release/") for name in found}
    assert {"manifest.json", "lib/deploykit/sbom.cdx.json", "bin/shop"} <= more
    assert not [name for name in more if "runtime/" in name]  # it is installed


def test_nothing_is_in_it_twice(image: Image) -> None:
    found = image.files()
    first: dict[bytes, str] = {}
    repeated = 0
    for path, file in sorted(found.items()):
        if not file.data or file.is_link:
            continue
        other = first.setdefault(file.data, path)
        if other != path:
            # Only distributions may have the same file, as a license: each is a layer of its own.
            assert "/site-packages/" in path, (path, other)
            assert "/site-packages/" in other, (path, other)
            repeated += len(file.data)
    assert repeated < sum(len(file.data) for file in found.values()) / 1000
    with tarfile.open(image.path) as tar:
        assert len(tar.getnames()) == len(set(tar.getnames()))


def test_a_full_disk_leaves_nothing(image: Image, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", small)
    try:
        done = manage(image.project, "bundle", "--format", "oci", "-o", f"{small}/shop.oci.tar")
        assert done.returncode == 1
        assert "No space left on device" in done.stderr
        assert list(small.iterdir()) == []
    finally:
        run("umount", small)
