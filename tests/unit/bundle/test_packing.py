"""Processes that pack trees, one after the other."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from django_deploykit.bundle import packing
from django_deploykit.bundle.build_cache import is_cached, layer_folder
from django_deploykit.bundle.packing import Tree, pack_all
from django_deploykit.errors import BundleError
from tests.waiting import until


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DEPLOYKIT_BUILD_CACHE", str(tmp_path / "cache"))
    return layer_folder()


@pytest.fixture
def others(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Check that no thread is left."""
    before = threading.active_count()
    yield
    assert threading.active_count() <= before  # a thread of an earlier test may just have ended


def trees(folder: Path, *sizes: int) -> list[Tree]:
    made = []
    for number, size in enumerate(sizes):
        path = folder / str(number)
        path.write_bytes(b"x" * size)
        made.append(Tree("distribution", str(number), "1", ((f"lib/{number}", str(path)),)))
    return made


def test_returns_layers_in_the_order_of_the_trees(
    tmp_path: Path, cache: Path, others: None
) -> None:
    wanted = trees(tmp_path, 10, 900_000, 500, 400_000, 0)
    packed = pack_all(wanted, sys.executable, processes=2)
    assert [(one.name, one.size, one.files) for one in packed] == [
        ("0", 10, 1),
        ("1", 900_000, 1),
        ("2", 500, 1),
        ("3", 400_000, 1),
        ("4", 0, 1),
    ]
    assert all(is_cached(one.sha256) for one in packed)
    assert pack_all(wanted[::-1], sys.executable, processes=1) == packed[::-1]


def test_no_trees_are_no_layers(others: None) -> None:
    assert pack_all([], sys.executable) == []


def test_names_a_tree_that_cannot_be_packed_and_leaves_no_unfinished_files(
    tmp_path: Path, cache: Path, others: None
) -> None:
    wanted = trees(tmp_path, 10)
    gone = Tree("distribution", "gone", "1", ((f"lib/{tmp_path}", str(tmp_path)),))
    with pytest.raises(BundleError, match="packing gone failed: IsADirectoryError"):
        pack_all([gone, wanted[0]], sys.executable, processes=2)
    assert list(cache.glob("*.zip.*")) == []


def test_reports_a_process_that_dies(tmp_path: Path, others: None) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexit 7\n")
    python.chmod(0o755)
    with pytest.raises(BundleError, match="packing 0 failed: exit code 7"):
        pack_all(trees(tmp_path, 10), str(python))


def test_ends_its_processes_if_another_cannot_be_started(
    tmp_path: Path, others: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[subprocess.Popen[str]] = []
    real = subprocess.Popen

    def once(*words: Any, **options: Any) -> subprocess.Popen[str]:
        if started:
            raise OSError(11, "Resource temporarily unavailable")
        started.append(real(*words, **options))
        return started[0]

    monkeypatch.setattr(subprocess, "Popen", once)
    with pytest.raises(OSError, match="temporarily"):
        pack_all(trees(tmp_path, 10, 20), sys.executable, processes=2)
    assert started[0].poll() is not None


def test_ctrl_c_ends_processes_and_removes_their_unfinished_files(
    tmp_path: Path, cache: Path, others: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    (wanted,) = trees(tmp_path, 0)
    os.truncate(wanted.files[0][1], 1 << 29)  # packing it takes some seconds

    def interrupted(_: object) -> list[object]:
        until(lambda: any(cache.glob("*/*.zip")), every=0.01)
        raise KeyboardInterrupt

    monkeypatch.setattr(packing._Packer, "rows", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pack_all([wanted], sys.executable)
    assert list(cache.iterdir()) == []
