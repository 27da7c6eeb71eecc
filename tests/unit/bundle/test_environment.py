"""Locked environments: their Python, their cache key, and what is kept."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from django_deploykit.bundle import environment
from django_deploykit.bundle.build_cache import cache_folder, layer_paths
from django_deploykit.bundle.environment import TargetPython, ensure_environment, find_target
from django_deploykit.bundle.folder_wheels import FolderWheel
from django_deploykit.bundle.locks.base import LockFile, Requirement
from django_deploykit.errors import BundleError
from django_deploykit.progress import Quiet
from django_deploykit.runtime.base.machine import here_platform
from django_deploykit.runtime.bundle.manifest import Layer

HERE = "{}.{}".format(*sys.version_info)
LAYER = Layer("distribution", "x", "1", "1" * 64, 10, 1)
LOCK = LockFile("requirements.txt", (Requirement("x==1", ("sha256:1",), "requirements.txt:1"),))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DEPLOYKIT_BUILD_CACHE", str(tmp_path / "cache"))
    return tmp_path


def test_the_target_is_this_python_and_this_machine_by_default() -> None:
    target = find_target("", "")
    assert (target.python, target.platform) == (HERE, here_platform())
    assert target.full.startswith(f"{HERE}.")
    assert not target.foreign
    assert find_target(HERE, "plan9-mips").foreign


@pytest.mark.parametrize("python", ["2.7", "3", "three", "3.1x"])
def test_refuses_what_is_not_a_version(python: str) -> None:
    with pytest.raises(BundleError, match="is not a version of Python"):
        find_target(python, "")


def test_refuses_a_python_that_is_not_installed() -> None:
    with pytest.raises(BundleError, match=r"there is no python3\.99 on this machine"):
        find_target("3.99", "")


def key(lock: LockFile, target: TargetPython, export: Path) -> str:
    return environment._key(lock, {}, target, export)


def test_the_key_depends_on_the_lock_file_the_python_and_local_files(tmp_path: Path) -> None:
    target = find_target("", "")
    local = LockFile("r.txt", (Requirement("./vendor/x-1.whl", (), "r.txt:1"),))
    (tmp_path / "vendor").mkdir()
    wheel = tmp_path / "vendor" / "x-1.whl"
    wheel.write_text("1")
    before = [key(one, target, tmp_path) for one in (LOCK, local)]
    assert before == [key(one, target, tmp_path) for one in (LOCK, local)]
    wheel.write_text("2")
    after = [key(one, target, tmp_path) for one in (LOCK, local)]
    assert [one == other for one, other in zip(before, after, strict=True)] == [True, False]
    assert key(LOCK, find_target("", "plan9-mips"), tmp_path) != before[0]


def test_the_key_depends_on_what_the_wheel_of_a_folder_installs(tmp_path: Path) -> None:
    target = find_target("", "")
    (one,) = folder = (Requirement("./parts/x", (), "r.txt:1"),)
    lock = LockFile("r.txt", folder)
    keys = [
        environment._key(lock, {one: FolderWheel(tmp_path / name, content)}, target, tmp_path)
        for name, content in (("a/x.whl", "1"), ("b/x.whl", "1"), ("b/x.whl", "2"))
    ]
    assert keys[0] == keys[1] != keys[2]


def put(folder: Path, *layers: Layer) -> Path:
    """Write an installed environment."""
    (folder / "venv" / "bin").mkdir(parents=True)
    (folder / "venv" / "bin" / "python").touch()
    data = {
        "platform": "any",
        "glibc": "",
        "built": ["x 1"],
        "missing": [],
        "shared": [],
        "unlisted": [],
    }
    rows = [asdict(one) for one in layers]
    (folder / "environment.json").write_text(json.dumps({**data, "layers": rows}))
    return folder


def test_a_cached_environment_is_not_installed_again(tmp_path: Path) -> None:
    target = find_target("", "")
    name = key(LOCK, target, tmp_path)
    folder = put(cache_folder() / "environments" / name, LAYER)
    for path in layer_paths(LAYER.sha256):
        path.touch()
    found = ensure_environment(LOCK, target, tmp_path, Quiet())
    assert (found.folder, found.layers, found.built) == (folder, (LAYER,), ("x 1",))
    assert found.python == f"{folder}/venv/bin/python"


def test_an_environment_needs_its_layers_and_its_python(tmp_path: Path) -> None:
    folder = put(tmp_path / "env", LAYER)
    assert not environment._usable(folder, packed=True)
    for path in layer_paths(LAYER.sha256):
        path.touch()
    assert environment._usable(folder, packed=True)
    (folder / "venv" / "bin" / "python").unlink()
    assert not environment._usable(folder, packed=True)
    assert not environment._usable(tmp_path / "away", packed=True)


def test_an_environment_without_layers_serves_only_to_run(tmp_path: Path) -> None:
    folder = put(tmp_path / "env")
    assert environment._usable(folder, packed=False)
    assert not environment._usable(folder, packed=True)


def test_keeps_the_six_environments_that_were_used_last(tmp_path: Path) -> None:
    folder = tmp_path / "environments"
    for number in range(8):
        made = put(folder / str(number))
        os.utime(made, (number, number))
    left = folder / ".deploykit-x"
    left.mkdir()
    os.utime(left, (1, 1))
    environment._prune(folder)
    assert sorted(path.name for path in folder.iterdir()) == list("234567")


def test_keeps_the_environment_that_another_build_has_put_there(tmp_path: Path) -> None:
    theirs = put(tmp_path / "environments" / "key")
    (theirs / "theirs").touch()
    mine = put(tmp_path / "mine")
    environment._move(mine, theirs, packed=False)
    assert (theirs / "theirs").exists()


def test_refuses_a_platform_that_uv_does_not_know(tmp_path: Path) -> None:
    target = TargetPython(HERE, sys.executable, "3.11.7", "plan9-mips")
    with pytest.raises(BundleError, match="unknown platform 'plan9-mips'"):
        environment._fill(tmp_path / "venv", LOCK, target, tmp_path, tmp_path)
