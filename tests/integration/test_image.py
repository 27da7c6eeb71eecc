"""Images on real engines: Docker, podman and a registry, as docs/how-to/containers.md uses them."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest

from django_deploykit.bundle.formats.oci_image import entries_of
from django_deploykit.runtime.base.documents import Document
from django_deploykit.runtime.bundle.manifest import Manifest
from tests.docs.markdown import ROOT, Block, blocks
from tests.engines import Engines, Relay, running_engines, why_not
from tests.images import write_python_base
from tests.integration.bundling import KEY
from tests.load import Load
from tests.ports import claim_port
from tests.projects import make_shop, manage, run
from tests.waiting import until

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())
_PAGE = ROOT / "docs" / "how-to" / "containers.md"
_NAME = "shop:20261123T041500-ab12cd3"  # as the page names it
_DATA = "-v /etc/shop:/etc/shop:ro -v shop-data:/var/lib/shop"


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


@pytest.fixture(scope="module")
def engines() -> Iterator[Engines]:
    with running_engines() as made:
        (made.folder / "etc" / "shop.ini").write_text(
            f"[django]\nsecret_key = {KEY}\nallowed_hosts = localhost, 127.0.0.1\n"
            "[database]\nurl = sqlite:////var/lib/shop/db.sqlite3\n"
        )
        yield made


def section(heading: str) -> list[Block]:
    """Return the blocks of a section of the page."""
    lines = _PAGE.read_text(encoding="utf-8").splitlines()
    starts = [n for n, line in enumerate(lines, 1) if line.startswith("## ")] + [len(lines)]
    first = lines.index(f"## {heading}") + 1
    last = starts[starts.index(first) + 1]
    return [one for one in blocks(_PAGE) if first < one.line < last]


@dataclass(frozen=True)
class Page:
    """The commands of the page, with this machine's ports and paths."""

    image: Image
    engines: Engines
    ports: dict[str, int]

    def here(self, text: str) -> str:
        registry, folder = f"127.0.0.1:{self.engines.registry}", self.engines.folder
        changes = {
            "docker://python:3.13-slim": f"docker://{registry}/python:base",
            "20261123T041500-ab12cd3": self.image.release,
            "registry.example.com": registry,
            "/etc/shop:/etc/shop": f"{folder}/etc:/etc/shop",
            " /etc/shop/shop.ini": f" {folder}/etc/shop.ini",
            "/etc/nginx/conf.d/shop.conf": f"{folder}/shop.conf",
            "/livez": "/up",
            "podman run": "podman run --ulimit nofile=1024:1024 --ulimit nproc=1024:1024",
            "/usr/bin/podman": f"{folder}/bin/podman",
            "$scheme": "https",
            "listen 80;": f"listen 127.0.0.1:{self.ports['80']};",
        }
        for port, number in self.ports.items():
            published = rf"-p (127.0.0.1:)?{port}:8000"
            text = re.sub(published, f"--network host -e PORT={number}", text)
            text = re.sub(rf"(?<=:){port}(?= backup|;)", str(number), text)
        for old, new in changes.items():
            text = text.replace(old, new)
        return text

    def answers(self, port: str) -> bool:
        return self.engines.answers(f"http://127.0.0.1:{self.ports[port]}/up")

    def run(self, line: str, cwd: Path | None = None) -> str:
        return self.engines.run(self.here(line), cwd)


@pytest.fixture
def page(image: Image, engines: Engines) -> Page:
    return Page(image, engines, {name: claim_port() for name in ("80", "8000", "8001", "8002")})


def test_every_command_of_the_page(page: Page, tmp_path: Path) -> None:
    image, engines = page.image, page.engines
    registry = f"127.0.0.1:{engines.registry}"
    base = image.project.parent / "python.oci.tar"
    engines.run(f"skopeo copy oci-archive:{base} docker://{registry}/python:base")
    work = tmp_path / "work"
    shutil.copytree(image.project, work)
    shutil.copy(base, tmp_path)
    found = [
        line
        for heading in (
            "Build",
            "Run it with Docker",
            "Run it with podman",
            "Push it to a registry",
        )
        for block in section(heading)
        if block.language == "sh"
        for line in block.text.splitlines()
    ]
    assert len(found) > 15
    for line in found:
        printed = page.run(line, work)
        engine = line.partition(" ")[0]
        if " run -d " in line:
            until(lambda: page.answers("8000"))
            state = json.loads(engines.run(f"{engine} inspect shop"))[0]["State"]
            status = Path(f"/proc/{state['Pid']}/status").read_text()
            assert "\nUid:\t65532\t65532\t65532\t65532\n" in status
        if " stop " in line:
            state = json.loads(engines.run(f"{engine} inspect shop"))[0]["State"]
            assert state["ExitCode"] == 0
        if "exec shop shop --probe" in line:
            assert printed == "healthy\n"
    assert (work / "python.oci.tar").is_file()
    pulled = f"{registry}/shop:{image.release}"
    for engine in ("docker", "podman"):
        inspected = json.loads(engines.run(f"{engine} image inspect {pulled}"))[0]
        digests = {one.partition("@")[2] for one in inspected["RepoDigests"]}
        assert digests == {image.documents()[0]}


def test_a_container_is_replaced_without_a_failed_request(page: Page) -> None:
    engines, folder = page.engines, page.engines.folder
    configuration, commands = section("Replace it without a failed request")
    (folder / "shop.conf").write_text(page.here(configuration.text))
    (folder / "nginx.conf").write_text(
        f"user root; pid {folder}/nginx.pid; error_log {folder}/nginx.log; daemon off;\n"
        f"events {{}} http {{ access_log off; include {folder}/shop.conf; }}\n"
    )
    engines.run(f"docker load -i {page.image.path}")
    page.run(f"docker run --rm {_DATA} {_NAME} migrate")
    nginx = subprocess.Popen(["nginx", "-c", f"{folder}/nginx.conf"])
    try:
        first, *others = commands.text.splitlines()
        page.run(first)
        until(lambda: page.answers("8001"))
        until(lambda: page.answers("80"))
        # A reload of nginx ends connections that are kept; browsers send such a request again.
        with Load(page.ports["80"], connections=2, pause=0.05, per_connection=1) as load:
            for line in others:
                page.run(line)
        assert load.failed == []
        assert load.sent > 50
        state = json.loads(engines.run("docker inspect shop-1 shop-2"))
        assert [one["State"]["Status"] for one in state] == ["exited", "running"]
        assert state[0]["State"]["ExitCode"] == 0
        assert page.answers("80")
    finally:
        nginx.terminate()
        nginx.wait(30)
        engines.call("docker rm -f shop-1 shop-2")


def test_the_configuration_may_be_in_the_environment_only(page: Page) -> None:
    page.engines.run(f"docker load -i {page.image.path}")
    variables = f"-e SECRET_KEY={KEY} -e DATABASE_URL=sqlite:////var/lib/shop/other.sqlite3"
    command = (
        f"docker run --rm --read-only --network none {variables} -v other:/var/lib/shop {_NAME}"
    )
    page.run(f"{command} migrate")
    assert "no issues" in page.run(f"{command} check --database default")


def test_compose_runs_the_site(page: Page, tmp_path: Path) -> None:
    registry = f"127.0.0.1:{page.engines.registry}"
    page.engines.run(
        f"skopeo copy oci-archive:{page.image.path} docker://{registry}/{_NAME}".replace(
            _NAME, f"shop:{page.image.release}"
        )
    )
    file, commands = section("With compose")
    network = f'network_mode: host\n    environment: {{PORT: "{page.ports["8000"]}"}}'
    text = page.here(file.text).replace('ports: ["127.0.0.1:8000:8000"]', network)
    text = text.replace("command: [migrate]", "command: [migrate]\n    network_mode: none")
    (tmp_path / "compose.yml").write_text(text)
    up, check, down = (
        line.replace("docker compose", "docker-compose") for line in commands.text.splitlines()
    )
    try:
        page.run(up, tmp_path)
        until(lambda: page.answers("8000"))
        assert "no issues" in page.run(check, tmp_path)
    finally:
        page.run(down, tmp_path)


def test_a_unit_of_systemd_runs_the_site(page: Page, tmp_path: Path) -> None:
    (unit,) = section("As a unit of systemd")
    path = tmp_path / "shop-container.service"
    path.write_text(unit.text)
    run("systemd-analyze", "verify", path)
    start, stop = re.findall("^Exec(?:Start|Stop)=(.+)$", unit.text, re.MULTILINE)
    page.engines.run(f"podman load -i {page.image.path}")
    page.run(start.replace("--replace --name shop", "").replace(_NAME, f"{_NAME} migrate"))
    process = page.engines.start(page.here(start))
    try:
        until(lambda: page.answers("8000"))
    finally:
        page.run(stop)
    assert process.wait(60) == 0


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
