"""An image in one file: the bundle's layers on a base, the same bytes each time."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from django_deploykit.bundle.build import write as write_whole
from django_deploykit.bundle.build_cache import layer_paths
from django_deploykit.bundle.formats.base import Content
from django_deploykit.bundle.formats.oci import FORMAT, read_named, write
from django_deploykit.bundle.formats.oci_blobs import blob_folder
from django_deploykit.errors import BundleError, DeployKitError
from django_deploykit.runtime.bundle.manifest import FileEntry, Layer, dump_list, tree_digest
from tests.bundles import Tree, entries_of, layer_zip, make_layer, make_manifest
from tests.images import PYTHON, write_base
from tests.projects import ROOT

_SITE = f"lib/python{PYTHON}/site-packages"
_SOURCE, _PACKAGED = "app/shop/static/c.js", f"{_SITE}/django/static/c.js"
_COLLECTED = "app/staticfiles/c.js"
_TREES: dict[str, Tree] = {
    "app": {
        "app/manage.py": b"print('shop')\n",
        "app/shop/big.bin": bytes(9 << 20),
        _SOURCE: b"c()",
    },
    "django": {f"{_SITE}/django/__init__.py": b"VERSION = 5\n", _PACKAGED: b"c()"},
    "static": {
        "app/staticfiles/a.css": b"a{}",
        "app/staticfiles/b.css": b"b{}",
        _COLLECTED: b"c()",
    },
}
_KINDS = {"app": "app", "static": "static", "django": "distribution"}


def cached(name: str, tree: Tree) -> Layer:
    layer = make_layer(_KINDS[name], name, "1", tree)
    archive, listing, checksum = layer_paths(layer.sha256)
    archive.write_bytes(layer_zip(tree))
    listing.write_text(dump_list(entries_of(tree)))
    checksum.write_text(hashlib.sha256(archive.read_bytes()).hexdigest())
    return layer


@pytest.fixture
def content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Content:
    monkeypatch.setenv("DEPLOYKIT_BUILD_CACHE", str(tmp_path / "cache"))
    return make_content(tmp_path)


def make_content(folder: Path) -> Content:
    """Return the content of a bundle whose layers are in the build cache, and write its base."""
    base = write_base(folder / "base.oci.tar").replace(f"{folder}/", "")
    layers = tuple(cached(name, tree) for name, tree in _TREES.items())
    options = {"base": read_named(base)}
    files = {"sample.ini": b"", "sbom.cdx.json": b"{}"}
    runtime = {"container.py": b"", "container.pyc": b"x"}
    return Content(make_manifest(layers), runtime, files, options, folder=folder)


def blobs(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as tar:
        found = {one.name: tar.extractfile(one) for one in tar}
        return {name: file.read() for name, file in found.items() if file}


def layers_of(path: Path) -> list[dict[str, tarfile.TarInfo]]:
    """Return the members of each layer above the base."""
    found = blobs(path)
    docker = json.loads(found["manifest.json"])[0]
    result = []
    for name in docker["Layers"][1:]:
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(found[name]))) as tar:
            result.append({one.name: one for one in tar})
    return result


def rows_of(path: Path) -> dict[str, FileEntry]:
    """Return the files of a release in an image, also those that are hard links."""
    found, result = blobs(path), {}
    for name in json.loads(found["manifest.json"])[0]["Layers"][1:]:
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(found[name]))) as tar:
            for one in (one for one in tar if one.isreg() or one.islnk()):
                file, place = tar.extractfile(one), one.name.removeprefix("srv/release/")
                data = file.read() if file else b""
                digest = hashlib.sha256(data).hexdigest()
                result[place] = FileEntry(place, one.mode, len(data), digest)
    return result


def test_every_blob_has_its_digest_and_every_reader_finds_them(
    tmp_path: Path, content: Content
) -> None:
    path = tmp_path / FORMAT.file_name(content.manifest)
    assert path.name == "shop-20261123T041500-ab12cd3.oci.tar"
    written = write(content, path)
    data = path.read_bytes()
    assert written == (hashlib.sha256(data).hexdigest(), len(data))
    found = blobs(path)
    for name, blob in found.items():
        if name.startswith("blobs/"):
            assert name == f"blobs/sha256/{hashlib.sha256(blob).hexdigest()}"
    index = json.loads(found["index.json"])["manifests"][0]
    manifest = json.loads(found[index["digest"].replace("sha256:", "blobs/sha256/")])
    config = json.loads(found[manifest["config"]["digest"].replace("sha256:", "blobs/sha256/")])
    docker = json.loads(found["manifest.json"])[0]
    assert docker["Layers"] == [
        one["digest"].replace("sha256:", "blobs/sha256/") for one in manifest["layers"]
    ]
    for layer, diff_id in zip(manifest["layers"], config["rootfs"]["diff_ids"], strict=True):
        raw = gzip.decompress(found[layer["digest"].replace("sha256:", "blobs/sha256/")])
        assert diff_id == f"sha256:{hashlib.sha256(raw).hexdigest()}"


def test_the_tree_is_that_of_the_layers_and_no_path_is_in_two(
    tmp_path: Path, content: Content
) -> None:
    write(content, tmp_path / "image")
    found: dict[str, tarfile.TarInfo] = {}
    for members in layers_of(tmp_path / "image"):
        files = {name: one for name, one in members.items() if not one.isdir()}
        assert not files.keys() & found.keys()
        found.update(files)
    rows = rows_of(tmp_path / "image")
    for layer in content.manifest.layers:
        own = [rows[path] for path in _TREES[layer.name]]
        assert tree_digest(own) == layer.sha256
    assert found["srv/release/app/shop/big.bin"].size == 9 << 20


def test_a_static_file_is_a_link_to_the_file_that_it_was_collected_from(
    tmp_path: Path, content: Content
) -> None:
    write(content, tmp_path / "image")
    static = [one for one in layers_of(tmp_path / "image") if f"srv/release/{_COLLECTED}" in one]
    assert len(static) == 1
    linked = {name for name, one in static[0].items() if one.islnk()}
    assert linked == {f"srv/release/{_SOURCE}", f"srv/release/{_PACKAGED}"}
    assert len({static[0][f"srv/release/{one}"].mtime for one in (_SOURCE, _COLLECTED)}) == 1


def test_the_same_content_gives_the_same_bytes_with_and_without_a_cache(
    tmp_path: Path, content: Content, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = write(content, tmp_path / "one")
    assert write(content, tmp_path / "two") == first
    monkeypatch.setenv("DEPLOYKIT_BUILD_CACHE", str(tmp_path / "other"))
    for name, tree in _TREES.items():
        cached(name, tree)
    assert write(content, tmp_path / "three") == first


def test_a_changed_file_only_changes_its_layer(tmp_path: Path, content: Content) -> None:
    write(content, tmp_path / "one")
    tree = {**_TREES["static"], "app/staticfiles/a.css": b"A{}"}
    layers = tuple(
        cached("static", tree) if one.name == "static" else one for one in content.manifest.layers
    )
    write(replace(content, manifest=replace(content.manifest, layers=layers)), tmp_path / "two")
    before, after = (
        {name for name in blobs(tmp_path / one) if name.startswith("blobs/")}
        for one in ("one", "two")
    )
    assert len(after - before) == 4  # the layer, the release's, configuration and manifest
    times = [
        members["srv/release/app/staticfiles/a.css"].mtime
        for one in ("one", "two")
        for members in layers_of(tmp_path / one)
        if "srv/release/app/staticfiles/a.css" in members
    ]
    assert times[0] != times[1]


def test_a_damaged_cached_layer_is_removed(tmp_path: Path, content: Content) -> None:
    write(content, tmp_path / "one")
    damaged = max(blob_folder().iterdir(), key=lambda path: path.stat().st_size)
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    with pytest.raises(BundleError, match="was damaged and has been removed"):
        write_whole(content, tmp_path / "out" / "two", "oci")
    assert not damaged.exists()
    assert list((tmp_path / "out").iterdir()) == []
    assert write(content, tmp_path / "three").size


def test_a_damaged_layer_that_another_thread_removed(tmp_path: Path, content: Content) -> None:
    layer = next(one for one in content.manifest.layers if one.name == "django")
    layer_paths(layer.sha256)[0].unlink()
    with pytest.raises(DeployKitError, match="layer django was damaged and has been removed"):
        write(content, tmp_path / "one")


def test_a_damaged_layer_of_the_bundle_is_removed(tmp_path: Path, content: Content) -> None:
    layer = next(one for one in content.manifest.layers if one.name == "django")
    archive = layer_paths(layer.sha256)[0]
    archive.write_bytes(archive.read_bytes()[:-30])
    with pytest.raises(DeployKitError, match="layer django"):
        write(content, tmp_path / "one")
    assert not archive.exists()


_KILLED = """\
import os, signal, sys
from pathlib import Path
from tests.unit.bundle.formats.test_oci_image import make_content
from django_deploykit.bundle.build import write

folder = Path(sys.argv[1])
content = make_content(folder)
write(content, folder / "first", "oci")  # fills the cache, as a build before it
steps = 0


def count(event, arguments):
    global steps
    if event in ("open", "os.rename", "os.remove", "shutil.rmtree"):
        steps += 1
        if steps == last:
            os.kill(os.getpid(), signal.SIGKILL)


for last in range(1, 1000, 4):
    child = os.fork()
    if not child:
        sys.addaudithook(count)
        write(content, folder / "out" / "image", "oci")
        os._exit(0)
    _, status = os.waitpid(child, 0)
    image = folder / "out" / "image"
    if image.exists():
        assert image.read_bytes() == (folder / "first").read_bytes()
        break
    assert status == signal.SIGKILL
else:
    raise AssertionError("it was never written")
print(last)
"""


def test_a_build_that_is_killed_leaves_no_half_image(tmp_path: Path) -> None:
    environ = {**os.environ, "DEPLOYKIT_BUILD_CACHE": str(tmp_path / "cache")}
    argv = [sys.executable, "-c", _KILLED, str(tmp_path)]
    done = subprocess.run(argv, cwd=ROOT, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 10
