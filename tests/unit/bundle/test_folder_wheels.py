"""Wheels of folders: built once for the content of each, and installed by their hash."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from django_deploykit.bundle import folder_wheels
from django_deploykit.bundle.build_cache import cache_folder
from django_deploykit.bundle.files import all_files
from django_deploykit.bundle.folder_wheels import (
    FolderWheel,
    build_wheels,
    folder_of,
    with_wheels,
)
from django_deploykit.bundle.locks.base import LockFile, Requirement
from django_deploykit.progress import Quiet
from tests.wheels import make_wheel, sha256, source_files, write_tree

PYTHON = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
INNER = Requirement("./libs/inner", (), "requirements.txt:1")
OTHER = Requirement("x==1", ("sha256:1",), "requirements.txt:2")
LOCK = LockFile("requirements.txt", (INNER, OTHER))


@pytest.fixture
def export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an export with a distribution that builds itself, without any index."""
    monkeypatch.setenv("DEPLOYKIT_BUILD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_OFFLINE", "1")
    write_tree(tmp_path / "export" / "libs" / "inner", source_files("inner"))
    return tmp_path / "export"


def built(export: Path, *words: str) -> FolderWheel:
    found = build_wheels(LOCK, (PYTHON, *words), export, Quiet())
    assert list(found) == [INNER]
    return found[INNER]


def test_a_wheel_is_built_once_for_the_content_of_its_folder(export: Path, tmp_path: Path) -> None:
    before = all_files(export)
    first = built(export)
    assert (first.name, first.path.name) == ("inner", "inner-1.0-py3-none-any.whl")
    assert all_files(export) == before
    made = first.path.stat().st_mtime_ns
    write_tree(export, {"settings.py": "X = 1"})
    assert built(export) == first
    export.rename(tmp_path / "elsewhere")
    again = built(tmp_path / "elsewhere")
    assert again == first
    assert again.path.stat().st_mtime_ns == made


def test_a_wheel_is_built_again_if_a_file_or_a_mode_changed(export: Path) -> None:
    first = built(export)
    source = export / "libs/inner/inner.py"
    source.chmod(0o755)
    write_tree(export, {"libs/inner/README": "Not in the wheel."})
    second = built(export)
    assert second.path != first.path
    assert second.content == first.content
    source.write_text("NAME = 2\n")
    third = built(export)
    assert third.path != second.path
    assert third.content != second.content


def test_wheels_take_the_place_of_folders_with_their_hash(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "my_inner", {"a.py": ""})
    lock = with_wheels(LOCK, {INNER: FolderWheel(wheel, "x")})
    line = f"my-inner @ {wheel.as_uri()} --hash={sha256(wheel)}"
    assert [one.line() for one in lock.requirements] == [line, OTHER.line()]
    assert lock.requirements[0].distribution == "my-inner"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("./libs/inner", "libs/inner"),
        ("inner @ file:libs/inner ; python_version > '3'", "libs/inner"),
        ("file:libs#subdirectory=inner", "libs/inner"),
        ("./libs/inner/inner.py", ""),
        ("inner==1", ""),
    ],
)
def test_a_requirement_may_name_a_folder(text: str, found: str, export: Path) -> None:
    folder = folder_of(Requirement(text, (), "x:1"), export)
    assert folder == (export / found if found else None)


def test_keeps_the_wheels_that_were_used_last(
    export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_wheels, "_MOST", 2)
    for number in range(3):
        old = cache_folder() / "wheels" / str(number)
        old.mkdir(parents=True)
        os.utime(old, (number, number))
    kept = built(export).path.parent.name
    assert {one.name for one in (cache_folder() / "wheels").iterdir()} == {"2", kept}


def test_keeps_the_wheels_of_a_lock_file_with_more_folders_than_usual(
    export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_wheels, "_MOST", 2)
    names = ("inner", "second", "third")
    for name in names:
        write_tree(export / "libs" / name, source_files(name))
    rows = tuple(Requirement(f"./libs/{name}", (), f"requirements.txt:{name}") for name in names)
    found = build_wheels(LockFile("requirements.txt", rows), (PYTHON,), export, Quiet())
    assert [found[row].name for row in rows] == list(names)
    assert all(one.path.is_file() for one in found.values())
