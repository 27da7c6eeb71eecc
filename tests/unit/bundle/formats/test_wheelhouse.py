"""The wheelhouse: sealed, and its requirements have the hashes of its own wheels."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from django_deploykit.bundle.formats.base import Content
from django_deploykit.bundle.formats.wheelhouse import FORMAT, name, write
from django_deploykit.runtime import wheelhouse
from django_deploykit.runtime.bundle.seal import validate_seal
from django_deploykit.runtime.sources import sources
from tests.bundles import make_manifest
from tests.unit.bundle.formats.layers import cache_layer
from tests.unit.bundle.formats.test_distribution_wheels import PYTHON, TREE


@pytest.fixture
def content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Content:
    """Return a content of two layers, which are in the cache."""
    monkeypatch.setenv("DEPLOYKIT_BUILD_CACHE", str(tmp_path / "cache"))
    app = cache_layer("app", "app", "", {"app/manage.py": b""})
    tool = cache_layer("distribution", "tool", "1.0", TREE)
    files = {"sample.ini": b"[site]\n", "sbom.cdx.json": b"{}"}
    runtime = {**sources(), "bootstrap.pyc": b"code"}
    return Content(make_manifest((app, tool), python=PYTHON), runtime, files)


def test_the_installer_reads_what_was_written(tmp_path: Path, content: Content) -> None:
    (tmp_path / "out").mkdir()
    path = tmp_path / "out" / name(content.manifest)
    written = write(content, path)
    assert written.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert [one.name for one in path.parent.iterdir()] == [
        "shop-20261123T041500-ab12cd3.wheelhouse.zip"
    ]
    validate_seal(path)
    manifest, wheels = wheelhouse.read(path)
    assert manifest == content.manifest
    assert len(wheels) == 2
    with zipfile.ZipFile(path) as archive:
        hashes = {hashlib.sha256(archive.read(one)).hexdigest() for one in wheels}
        lines = archive.read("requirements.txt").decode().splitlines()
        assert archive.read("sbom.cdx.json") == b"{}"
        assert not any(one.endswith(".pyc") for one in archive.namelist())
    assert {line.partition("sha256:")[2] for line in lines} == hashes
    assert [line.split()[0] for line in lines] == ["shop==20261123.41500+gab12cd3", "tool==1.0"]


def test_the_same_content_gives_the_same_bytes(tmp_path: Path, content: Content) -> None:
    assert FORMAT.write(content, tmp_path / "a.zip") == FORMAT.write(content, tmp_path / "b.zip")


def test_python_runs_it_unless_it_is_damaged(tmp_path: Path, content: Content) -> None:
    path = tmp_path / "shop.wheelhouse.zip"
    write(content, path)
    said = subprocess.run([sys.executable, path], capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    assert "shop 20261123T041500-ab12cd3, 2 wheels" in said.stdout
    data = bytearray(path.read_bytes())
    data[data.index(b"runtime/cli") + 60] ^= 1
    path.write_bytes(data)
    bad = subprocess.run([sys.executable, path], capture_output=True, text=True)
    assert bad.returncode == 1
    assert bad.stderr.startswith(f"error: {path} is damaged\n")
    assert "Traceback" not in bad.stderr
