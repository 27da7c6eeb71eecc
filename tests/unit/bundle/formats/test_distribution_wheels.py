"""Wheels made again from layers: what they contain, their names, and the cache."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import pytest

from django_deploykit.bundle.formats.distribution_wheels import (
    distribution_wheels,
    entry_point_scripts,
    wheel_name,
)
from django_deploykit.errors import BundleError
from django_deploykit.runtime.base.files import hash_file
from django_deploykit.runtime.bundle.manifest import Layer
from tests.bundles import Tree
from tests.unit.bundle.formats.layers import cache_layer

PYTHON = "{}.{}".format(*sys.version_info)
SITE = f"lib/python{PYTHON}/site-packages"
SEEKING = b"#!/bin/sh\n'''exec' \"$(dirname -- \"$0\")\"/'python' \"$0\" \"$@\"\n' '''\n"
TREE: Tree = {
    f"{SITE}/tool/__init__.py": b"",
    f"{SITE}/tool/__pycache__/__init__.cpython-311.pyc": b"code",
    f"{SITE}/tool-1.0.dist-info/METADATA": b"Name: tool\nVersion: 1.0\n",
    f"{SITE}/tool-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nTag: cp311-abi3-manylinux_2_17_x86_64\nTag: cp311-abi3-manylinux2014_x86_64\n",
    f"{SITE}/tool-1.0.dist-info/RECORD": b"old",
    f"{SITE}/tool-1.0.dist-info/entry_points.txt": b"[console_scripts]\nTool = tool:main\n[other]\nplugin = x\n",
    "bin/Tool": (SEEKING + b"import tool\n", 0o755),
    "bin/plugin": (SEEKING + b"import sys\n", 0o755),
    "bin/program": (b"\x7fELF", 0o755),
    "share/man/man1/tool.1": b"man",
}


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLOYKIT_BUILD_CACHE", str(tmp_path / "cache"))


def test_a_wheel_has_the_files_at_their_places() -> None:
    layer = cache_layer("distribution", "tool", "1.0", TREE)
    (found,) = distribution_wheels([layer], PYTHON)
    assert found.path.name == "tool-1.0-cp311-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"
    assert found.sha256 == hash_file(found.path)
    with zipfile.ZipFile(found.path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
        modes = {one.filename for one in archive.infolist() if one.external_attr >> 16 & 0o100}
    info = "tool-1.0.dist-info"
    assert content.keys() == {
        "tool/__init__.py",
        *(f"{info}/{name}" for name in ("METADATA", "WHEEL", "entry_points.txt", "RECORD")),
        "tool-1.0.data/scripts/plugin",
        "tool-1.0.data/scripts/program",
        "tool-1.0.data/data/share/man/man1/tool.1",
    }
    assert content["tool-1.0.data/scripts/plugin"] == b"#!python\nimport sys\n"
    assert content["tool-1.0.data/scripts/program"] == b"\x7fELF"
    assert modes == {"tool-1.0.data/scripts/plugin", "tool-1.0.data/scripts/program"}
    assert b"old" not in content[f"{info}/RECORD"]


def test_a_cached_wheel_is_used_unless_it_is_damaged() -> None:
    layer = cache_layer("distribution", "tool", "1.0", TREE)
    (first,) = distribution_wheels([layer], PYTHON)
    before = first.path.stat().st_ino
    assert distribution_wheels([layer], PYTHON) == [first]
    assert first.path.stat().st_ino == before
    first.path.write_bytes(b"damage")
    assert distribution_wheels([layer], PYTHON) == [first]
    assert hash_file(first.path) == first.sha256


def test_refuses_a_layer_without_metadata() -> None:
    layer = cache_layer("distribution", "tool", "1.0", {f"{SITE}/tool.py": b""})
    with pytest.raises(BundleError, match=r"tool 1\.0 has no metadata"):
        distribution_wheels([layer], PYTHON)


@pytest.mark.parametrize(
    ("info", "text", "name"),
    [
        ("A_b-1.dist-info", "", "A_b-1-py3-none-any.whl"),
        ("a-b-1.dist-info", "Tag: py3-none-any\n", "a_b-1-py3-none-any.whl"),
        (
            "a_b-1.dist-info",
            "Tag: damaged\nTag: cp311-cp311-linux_x86_64\n",
            "a_b-1-cp311-cp311-linux_x86_64.whl",
        ),
    ],
)
def test_the_name_has_the_tags(info: str, text: str, name: str) -> None:
    assert wheel_name(info, Layer("distribution", "a-b", "1", "", 0, 0), text) == name


def test_damaged_entry_points_are_no_scripts() -> None:
    assert entry_point_scripts("no section") == set()
    assert entry_point_scripts("[gui_scripts]\nA = b:c [extra]\na = b:d\n") == {"A", "a"}
