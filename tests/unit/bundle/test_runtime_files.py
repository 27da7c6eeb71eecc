"""The runtime in a bundle: sources and their bytecode."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from django_deploykit.bundle import runtime_files
from django_deploykit.bundle.build_cache import layer_folder
from django_deploykit.bundle.environment import TargetPython, find_target
from django_deploykit.bundle.packing import pack_all
from django_deploykit.errors import BundleError
from django_deploykit.runtime.sources import sources


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a build cache with the compiled runtime, which takes a while to make."""
    folder = tmp_path_factory.mktemp("compiled")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEPLOYKIT_BUILD_CACHE", str(folder))
        runtime_files.files(find_target("", ""))
    return folder


@pytest.fixture
def target(compiled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TargetPython:
    shutil.copytree(compiled, tmp_path / "cache", symlinks=True)
    monkeypatch.setenv("DEPLOYKIT_BUILD_CACHE", str(tmp_path / "cache"))
    return find_target("", "")


def test_every_source_has_its_bytecode(target: TargetPython) -> None:
    found = runtime_files.files(target)
    names = {name for name in found if name.endswith(".py")}
    assert names == set(sources())
    assert {name + "c" for name in names} == set(found) - names


def test_gives_the_same_with_and_without_a_cache(target: TargetPython, tmp_path: Path) -> None:
    first = runtime_files.files(target)
    assert runtime_files.files(target) == first
    shutil.rmtree(tmp_path / "cache")
    assert runtime_files.files(target) == first


def test_compiles_again_if_the_cached_layer_is_damaged_or_missing(target: TargetPython) -> None:
    first = runtime_files.files(target)
    for path in layer_folder().glob("*.zip"):
        path.write_bytes(path.read_bytes()[:-1])
    assert runtime_files.files(target) == first
    for path in layer_folder().glob("*"):
        path.unlink()
    assert runtime_files.files(target) == first


def test_bytecode_of_other_sources_is_not_used(
    target: TargetPython, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = runtime_files.files(target)
    folder = tmp_path / "runtime"
    for name, text in sources().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text + b"# changed\n" if name == "__init__.py" else text)
    with monkeypatch.context() as patch:  # what was packed is remembered for the sources of now
        patch.setattr(runtime_files, "FOLDER", folder)
        layer = pack_all([runtime_files._tree()], target.executable, processes=1)[0]
    runtime_files.remember(layer, target)
    assert runtime_files.files(target) == first


def test_sources_that_change_while_they_are_packed_are_an_error(
    target: TargetPython, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = {**sources(), "__init__.py": b"# changed\n"}
    monkeypatch.setattr(runtime_files, "sources", lambda: changed)
    with pytest.raises(BundleError, match="changed while it was packed"):
        runtime_files.files(target)


def test_python_reads_the_bytecode_and_another_version_the_source(
    target: TargetPython, tmp_path: Path
) -> None:
    found = runtime_files.files(target)
    foreign = {
        name: b"\0\0\0\0" + data[4:] if name.endswith(".pyc") else data
        for name, data in found.items()
    }
    for name, members, ending in (("own", found, ".pyc"), ("foreign", foreign, ".py")):
        path = tmp_path / f"{name}.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for member, data in members.items():
                archive.writestr(f"runtime/{member}", data)
        code = "import runtime.base.errors as e; print(e.__file__)"
        done = subprocess.run(
            [sys.executable, "-S", "-c", code],
            env={"PYTHONPATH": str(path), "PATH": os.defpath},
            capture_output=True,
            text=True,
        )
        assert done.stdout.strip().endswith(f"errors{ending}"), done.stderr
