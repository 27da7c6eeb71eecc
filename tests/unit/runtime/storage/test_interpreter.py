"""A bundle's own Python on a host: compiled when it is stored, and part of each release."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from django_deploykit.runtime.base.machine import here_platform
from django_deploykit.runtime.bundle.manifest import ManifestError
from django_deploykit.runtime.bundle.reader import BundleFile
from django_deploykit.runtime.bundle.seal import DamagedError
from django_deploykit.runtime.storage import layers
from django_deploykit.runtime.storage.interpreter import copy_interpreter
from django_deploykit.runtime.storage.symlinks import place_layers
from django_deploykit.runtime.storage.virtualenv import stage
from tests.bundles import Tree, make_layer, make_manifest, write_bundle

VERSION = "{}.{}".format(*sys.version_info)
PROGRAM = f"python/bin/python{VERSION}"
# It passes on to this Python, because it only has to compile.
SCRIPT = f'#!/bin/sh\nexec {sys.executable} "$@"\n'.encode()
TREE: Tree = {PROGRAM: (SCRIPT, 0o755), "python/lib/package/module.py": b"VALUE = 1\n"}
LAYER = make_layer("interpreter", "python", f"{VERSION}.1", TREE)
# Another version than that of this machine, which it need not have.
MANIFEST = make_manifest((LAYER,), platform=here_platform(), python="3.99")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "store"
    with BundleFile(write_bundle(tmp_path / "x.pyz", MANIFEST, {"python": TREE})) as bundle:
        layers.extract(bundle, path, LAYER.sha256)
    return path


def compiled(folder: Path) -> list[Path]:
    return sorted(folder.glob("python/lib/package/__pycache__/module.*.pyc"))


def test_its_library_is_compiled_where_it_is_stored(store: Path) -> None:
    (path,) = compiled(store / LAYER.sha256)
    flags = path.read_bytes()[4:8]
    assert flags == b"\1\0\0\0"  # PEP 552: never compared with the source again
    assert layers.damaged_files(store, LAYER.sha256) == []


def test_other_layers_are_not_compiled(tmp_path: Path) -> None:
    tree: Tree = {"app/package/module.py": b"VALUE = 1\n"}
    layer = make_layer("app", "app", "", tree)
    with BundleFile(
        write_bundle(tmp_path / "x.pyz", make_manifest((layer,)), {"app": tree})
    ) as bundle:
        layers.extract(bundle, tmp_path / "store", layer.sha256)
    assert [*(tmp_path / "store").rglob("*.pyc")] == []


def test_a_release_has_its_own_python(store: Path, tmp_path: Path) -> None:
    target = tmp_path / "releases" / "x"
    stage(MANIFEST, store, target, {})
    assert os.readlink(target / "bin" / "python") == "../python/bin/python3.99"
    assert f"home = {target}/python/bin\n" in (target / "pyvenv.cfg").read_text()
    (path,) = compiled(target)
    assert path.stat().st_nlink == 2
    assert (target / PROGRAM).samefile(store / LAYER.sha256 / PROGRAM)


def test_a_release_in_the_cache_links_to_it(store: Path, tmp_path: Path) -> None:
    target = tmp_path / "releases" / "x"
    stage(MANIFEST, store, target, {}, place=lambda to: place_layers(MANIFEST.layers, store, to))
    assert os.readlink(target / "python") == f"../../store/{LAYER.sha256}/python"
    assert len(compiled(target)) == 1


def test_root_gets_a_verified_copy(store: Path, tmp_path: Path) -> None:
    target = tmp_path / "lib" / "deploykit-shop"
    for _ in range(2):  # the second one replaces the first
        copy_interpreter(store, LAYER.sha256, target)
    assert stat.S_IMODE(target.stat().st_mode) == 0o755
    assert not (target / PROGRAM).samefile(store / LAYER.sha256 / PROGRAM)
    words = [str(target / "python/bin/python3"), "-c", "print(1)"]
    assert subprocess.run(words, capture_output=True, text=True).stdout == "1\n"
    assert len(compiled(target)) == 1
    assert [path.name for path in target.parent.iterdir()] == ["deploykit-shop"]


def test_root_copies_no_other_file(store: Path, tmp_path: Path) -> None:
    target = tmp_path / "lib" / "deploykit-shop"
    copy_interpreter(store, LAYER.sha256, target)
    module = store / LAYER.sha256 / "python/lib/package/module.py"
    module.write_bytes(b"VALUE = 2\n")
    with pytest.raises(DamagedError, match="is not the file of the bundle"):
        copy_interpreter(store, LAYER.sha256, target)
    module.unlink()
    module.symlink_to(target / "python/lib/package/module.py")
    with pytest.raises(OSError, match=r"module\.py"):
        copy_interpreter(store, LAYER.sha256, target)
    (store / f"{LAYER.sha256}.json").write_text("[]")
    with pytest.raises(ManifestError, match="does not match its digest"):
        copy_interpreter(store, LAYER.sha256, target)
    assert [path.name for path in target.parent.iterdir()] == ["deploykit-shop"]
    assert (target / "python/lib/package/module.py").read_bytes() == b"VALUE = 1\n"
