"""The Debian package of a real project, as Debian's own tools and a second builder see it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from django_deploykit.runtime.bundle.manifest import tree_digest
from django_deploykit.runtime.bundle.reader import BundleFile
from tests.integration.bundling import Shop
from tests.projects import commit, manage, run

_OLDER = "20261123T041459+ffffff3+py3.13"  # a second before the commit of the shop


def built(project: Path, *formats: str, **env: str) -> dict[str, Path]:
    """Bundle a project; return the files by format."""
    words = [word for name in formats for word in ("--format", name)]
    done = manage(project, "bundle", "--json", *words, **env)
    assert done.returncode == 0, done.stderr
    return {one["format"]: Path(one["path"]) for one in json.loads(done.stdout)["files"]}


def tool(name: str) -> str:
    """Return the path of a program of Debian."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"there is no {name} here")
    return found


@pytest.fixture(scope="module")
def files(built_shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The shop as a package and as an executable file, from one build."""
    project = tmp_path_factory.mktemp("debian") / "shop"
    run("git", "clone", "-q", f"file://{built_shop.project}", project)
    (project / "deploykit.ini").write_text(
        "[project]\nname = shop\n[format:deb]\nmaintainer = Ops <ops@example.com>\nhealth = /up\n"
    )
    commit(project)
    return built(project, "pyz", "deb")


@pytest.fixture(scope="module")
def unpacked(files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    run(tool("dpkg-deb"), "-R", files["deb"], folder)
    return folder


def test_it_has_the_tree_of_the_layers(files: dict[str, Path], unpacked: Path) -> None:
    bundle = unpacked / "usr/lib/shop/shop.pyz"
    assert bundle.read_bytes() == files["pyz"].read_bytes()
    with BundleFile(bundle) as found:
        found.verify()
        for layer in found.manifest.layers:
            assert tree_digest(found.entries(layer.sha256)) == layer.sha256
        assert found.manifest.release_id.replace("-", "+") in files["deb"].name


def test_dpkg_reads_it(files: dict[str, Path]) -> None:
    fields = run(tool("dpkg-deb"), "-f", files["deb"])
    assert "Maintainer: Ops <ops@example.com>\n" in fields
    assert "Package: shop\n" in fields
    listed = run(tool("dpkg-deb"), "-c", files["deb"]).splitlines()
    assert {line.split()[1] for line in listed} == {"root/root"}
    version = run(tool("dpkg-deb"), "-f", files["deb"], "Version").strip()
    for older in (_OLDER, version.replace("+py3.", "+py2.")):
        run(tool("dpkg"), "--compare-versions", version, "gt", older)


def test_lintian_finds_no_error_and_no_warning(files: dict[str, Path]) -> None:
    done = subprocess.run(
        [tool("lintian"), "--fail-on", "error,warning", str(files["deb"])],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_another_builder_gets_the_same_bytes_and_leaves_no_trace(
    files: dict[str, Path], unpacked: Path, tmp_path: Path
) -> None:
    project = tmp_path / "another builder" / "magasin"
    run("git", "clone", "-q", f"file://{files['deb'].parents[2]}", project)
    before = os.umask(0o077)
    try:
        env = {"TZ": "Asia/Tokyo", "DEBEMAIL": "builder@example.org"}
        again = built(project, "deb", **env)["deb"]
    finally:
        os.umask(before)
    assert again.name == files["deb"].name
    assert again.read_bytes() == files["deb"].read_bytes()
    folder = str(files["deb"].parents[2]).encode()
    with BundleFile(unpacked / "usr/lib/shop/shop.pyz") as bundle:
        layers = [one.sha256 for one in bundle.manifest.layers]
        own = [row for digest in layers for row in _contents(bundle, digest)]
    own += [(path.name, path.read_bytes()) for path in (unpacked / "DEBIAN").iterdir()]
    assert [path for path, data in own if folder in data] == []


def _contents(bundle: BundleFile, digest: str) -> list[tuple[str, bytes]]:
    return [
        (entry.path, data if isinstance(data, bytes) else b"".join(data))
        for entry, data in bundle.files(digest)
    ]


def test_a_mistake_in_its_options_names_the_line(built_shop: Shop, tmp_path: Path) -> None:
    project = tmp_path / "shop"
    run("git", "clone", "-q", f"file://{built_shop.project}", project)
    (project / "deploykit.ini").write_text(
        "[project]\nname = shop\n[format:deb]\nmaintainer = Ann\n"
    )
    commit(project)
    done = manage(project, "bundle", "--format", "deb")
    assert done.returncode == 1
    assert "deploykit.ini:4: maintainer must be like" in done.stderr
