"""A bundle's own interpreter: what the bundle is then for, and its layer."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from django_deploykit.bundle.build_cache import is_cached, layer_paths
from django_deploykit.bundle.environment import InstalledEnvironment
from django_deploykit.bundle.interpreter_layer import (
    interpreter_layer,
    project_interpreter,
    project_target,
    with_interpreter,
)
from django_deploykit.bundle.relocatable import Interpreter
from django_deploykit.errors import BundleError
from django_deploykit.project import Project
from django_deploykit.runtime.base.machine import here_platform
from django_deploykit.runtime.bundle.manifest import load_list
from django_deploykit.runtime.bundle.reader import layer_files
from tests.unit.bundle.test_environment import HERE
from tests.unit.bundle.test_relocatable import KEPT, write


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DEPLOYKIT_BUILD_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def interpreter(tmp_path: Path) -> Interpreter:
    """An interpreter for this machine and this Python's version, which does not run."""
    folder = write(tmp_path / "python")
    rows = sorted((name, folder / name) for name in KEPT)
    program = folder / "bin/python3.12"
    return Interpreter(folder, program, HERE, f"{HERE}.99", here_platform(), "2.28", tuple(rows))


def packed(interpreter: Interpreter) -> str:
    # This Python packs it, because the one in the folder does not run.
    target = replace(project_target(PROJECT, None), full=interpreter.full)
    return interpreter_layer(interpreter, target).sha256


PROJECT = Project(Path("/project"), "shop", Path("/project/deploykit.ini"))


def test_a_project_that_names_none_has_none() -> None:
    assert project_interpreter(PROJECT, Path("/project")) is None


def test_the_bundle_is_for_its_python(interpreter: Interpreter) -> None:
    target = project_target(PROJECT, interpreter)
    assert target.executable == os.path.realpath(interpreter.program)
    assert (target.python, target.full) == (HERE, f"{HERE}.99")
    assert not target.foreign


def test_another_machines_python_does_not_run_here(interpreter: Interpreter) -> None:
    foreign = replace(interpreter, platform="linux-plan9")
    target = project_target(PROJECT, foreign)
    assert target.foreign
    assert target.executable == project_target(PROJECT, None).executable
    assert target.full == f"{HERE}.99"


def test_its_layer_has_its_files_and_nothing_compiled(interpreter: Interpreter) -> None:
    digest = packed(interpreter)
    archive, listing, _ = layer_paths(digest)
    entries = load_list(listing.read_text(), digest)
    assert archive.name == f"{digest}.tar.gz"
    assert [entry.path for entry in entries] == sorted(f"python/{name}" for name in KEPT)
    with archive.open("rb") as file:
        for entry, data in layer_files(file, entries, "python"):
            assert data == (interpreter.folder / entry.path.removeprefix("python/")).read_bytes()


def test_the_same_files_are_the_same_layer(interpreter: Interpreter) -> None:
    before = packed(interpreter)
    data = layer_paths(before)[0].read_bytes()
    for name, path in interpreter.files:
        os.utime(path, (1, 1))
        assert name
    for path in layer_paths(before):
        path.unlink()
    assert packed(interpreter) == before
    assert layer_paths(before)[0].read_bytes() == data


def test_a_changed_file_is_another_layer(interpreter: Interpreter) -> None:
    before = packed(interpreter)
    (interpreter.folder / "lib/python3.12/os.py").write_text("patched = True\n")
    assert packed(interpreter) != before


def test_a_layer_that_is_no_longer_cached_is_packed_again(interpreter: Interpreter) -> None:
    before = packed(interpreter)
    layer_paths(before)[0].unlink()
    assert packed(interpreter) == before
    assert is_cached(before)


def test_a_path_that_no_archive_has_is_refused(interpreter: Interpreter) -> None:
    name = f"lib/{'a' * 100}"
    rows = ((name, interpreter.program),)
    with pytest.raises(BundleError, match="does not fit into the header"):
        packed(replace(interpreter, files=rows))


@pytest.mark.parametrize(("wheels", "needed"), [("", "2.28"), ("2.17", "2.28"), ("2.31", "2.31")])
def test_hosts_need_what_it_and_the_wheels_need(
    interpreter: Interpreter, wheels: str, needed: str
) -> None:
    plain = InstalledEnvironment(Path("/environment"), (), "any", wheels, (), (), ())
    target = replace(project_target(PROJECT, None), full=interpreter.full)
    assert with_interpreter(plain, None, target) == plain
    found = with_interpreter(plain, interpreter, target)
    assert (found.platform, found.glibc) == (here_platform(), needed)
    assert [layer.kind for layer in found.layers] == ["interpreter"]
