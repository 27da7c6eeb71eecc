"""Images on real engines: Docker, podman and a registry, as docs/how-to/containers.md uses them."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

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


@dataclass(frozen=True)
class Image:
    """A shop's image, and the project that it was built of."""

    project: Path
    facts: dict[str, Any]

    @property
    def path(self) -> Path:
        return Path(self.facts["path"])

    @property
    def release(self) -> str:
        return str(self.facts["release_id"])

    def documents(self) -> tuple[str, dict[str, Any], dict[str, bytes]]:
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
    target = f"docker://127.0.0.1:{engines.registry}/change"
    engines.run(f"skopeo copy oci-archive:{image.path} {target}:1")
    project = image.project.parent / "changed"
    shutil.copytree(image.project, project)
    with (project / "shop" / "urls.py").open("a") as file:
        file.write("\n# One more line.\n")
    run("git", "commit", "-qam", "Change a line", cwd=project)
    changed = build(project)
    before = engines.pushed()
    engines.run(f"skopeo copy oci-archive:{changed.path} {target}:2")
    own = next(one["size"] for one in image.facts["layers"] if one["name"] == "app")
    assert 0 < engines.pushed() - before < 64_000 + own


def test_nothing_is_in_it_twice(image: Image) -> None:
    _, manifest, blobs = image.documents()
    paths: dict[str, str] = {}
    for layer in manifest["layers"]:
        contents: set[bytes] = set()
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(blobs[layer["digest"]]))) as tar:
            for one in (one for one in tar if not one.isdir()):
                assert paths.setdefault(one.name, layer["digest"]) == layer["digest"]
                file = tar.extractfile(one) if one.isreg() and one.size > 1024 else None
                data = file.read() if file and not one.name.endswith(".pyc") else b""
                assert not data or data not in contents, one.name
                contents.add(data)
    release = {name.removeprefix("srv/release/") for name in paths}
    with tarfile.open(image.path) as tar:
        assert len(tar.getnames()) == len(set(tar.getnames()))
    assert {"manifest.json", "lib/deploykit/sbom.cdx.json", "app/manage.py"} <= release
    assert not [name for name in release if re.search(r"(^|/)runtime/container\.py$", name)][1:]


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
