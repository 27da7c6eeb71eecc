"""Where the cache of layers lies, and what leaves it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from django_deploykit.bundle.layers import cache_folder, forget_unused, layer_folder
from django_deploykit.errors import BundleError


def test_the_cache_lies_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEPLOYKIT_BUILD_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert cache_folder().parent == Path("/x/django-deploykit/build")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/ann")
    assert cache_folder().parent == Path("/home/ann/.cache/django-deploykit/build")
    monkeypatch.setenv("DEPLOYKIT_BUILD_CACHE", "/y")
    assert cache_folder().parent == Path("/y")


def test_what_other_versions_packed_lies_apart_and_goes_when_it_is_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEPLOYKIT_BUILD_CACHE", str(tmp_path))
    long_ago = time.time() - 61 * 24 * 3600
    for name in ("0123456789ab", "ba9876543210", "somebodys-own", "aaaaaaaaaaaa"):
        (tmp_path / name / ("other" if name[0] == "a" else "layers")).mkdir(parents=True)
        if name != "ba9876543210":
            os.utime(tmp_path / name, (long_ago, long_ago))
    layer_folder()
    forget_unused([])
    there = {path.name for path in tmp_path.iterdir()}
    assert there == {"ba9876543210", "somebodys-own", "aaaaaaaaaaaa", cache_folder().name}


def test_a_cache_that_cannot_be_made_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DEPLOYKIT_BUILD_CACHE", str(tmp_path / "file"))
    with pytest.raises(BundleError, match="cannot be written") as caught:
        layer_folder()
    assert "DEPLOYKIT_BUILD_CACHE" in caught.value.hint


def test_forgets_layers_that_no_build_used_for_long_and_what_was_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEPLOYKIT_BUILD_CACHE", str(tmp_path))
    days = {"used.zip": 90, "old.zip": 61, "young.zip": 59, "cut.zip.123": 2, "now.zip.124": 0}
    for name, age in days.items():
        path = layer_folder() / name
        path.write_text("")
        moment = time.time() - age * 24 * 3600
        os.utime(path, (moment, moment))
    for end in (".json", ".sum"):
        (layer_folder() / f"used{end}").write_text("")
    forget_unused(["used"])
    assert sorted(path.name for path in layer_folder().iterdir()) == [
        "now.zip.124",
        "used.json",
        "used.sum",
        "used.zip",
        "young.zip",
    ]
