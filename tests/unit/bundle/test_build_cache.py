"""The build cache: its place, its layers and texts, and what is removed from it."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from django_deploykit.bundle.build_cache import (
    cache_folder,
    cache_key,
    cached_file,
    cached_text,
    is_cached,
    keep_file,
    keep_text,
    layer_folder,
    layer_paths,
    may_reuse,
    prune,
    validate_layers,
    verify_layer,
)
from django_deploykit.errors import BundleError

DIGEST = "5" * 64


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DEPLOYKIT_BUILD_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def put_layer(data: bytes = b"zip") -> None:
    archive, listing, checksum = layer_paths(DIGEST)
    archive.write_bytes(data)
    listing.write_text("[]")
    checksum.write_text(hashlib.sha256(b"zip").hexdigest())


def test_the_environment_names_its_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEPLOYKIT_BUILD_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert cache_folder().parent == Path("/x/django-deploykit/build")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/ann")
    assert cache_folder().parent == Path("/home/ann/.cache/django-deploykit/build")
    monkeypatch.setenv("DEPLOYKIT_BUILD_CACHE", "/y")
    assert cache_folder().parent == Path("/y")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder to another user")
def test_root_does_not_use_the_cache_of_another_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DEPLOYKIT_BUILD_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    home = tmp_path / "bob"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))  # as sudo -E does
    assert home in cache_folder().parents
    os.chown(home, 65534, 65534)
    assert home not in cache_folder().parents


def test_removes_the_caches_of_versions_that_are_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEPLOYKIT_BUILD_CACHE", str(tmp_path))
    long_ago = time.time() - 61 * 24 * 3600
    for name in ("0123456789ab", "ba9876543210", "somebodys-own", "aaaaaaaaaaaa"):
        (tmp_path / name / ("other" if name[0] == "a" else "layers")).mkdir(parents=True)
        if name != "ba9876543210":
            os.utime(tmp_path / name, (long_ago, long_ago))
    layer_folder()
    prune([])
    there = {path.name for path in tmp_path.iterdir()}
    assert there == {"ba9876543210", "somebodys-own", "aaaaaaaaaaaa", cache_folder().name}


def test_names_a_folder_that_cannot_be_created(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DEPLOYKIT_BUILD_CACHE", str(tmp_path / "file"))
    with pytest.raises(BundleError, match="cannot be written") as caught:
        layer_folder()
    assert "DEPLOYKIT_BUILD_CACHE" in caught.value.hint


def test_removes_unused_layers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLOYKIT_BUILD_CACHE", str(tmp_path))
    days = {"used.zip": 90, "old.zip": 61, "young.zip": 59}
    for name, age in days.items():
        path = layer_folder() / name
        path.write_text("")
        moment = time.time() - age * 24 * 3600
        os.utime(path, (moment, moment))
    for end in (".json", ".sum"):
        (layer_folder() / f"used{end}").write_text("")
    prune(["used"])
    assert sorted(path.name for path in layer_folder().iterdir()) == [
        "used.json",
        "used.sum",
        "used.zip",
        "young.zip",
    ]


def test_a_layer_needs_all_its_files(cache: Path) -> None:
    assert not is_cached(DIGEST)
    put_layer()
    assert is_cached(DIGEST)
    layer_paths(DIGEST)[1].unlink()
    assert not is_cached(DIGEST)


def test_removes_a_damaged_layer() -> None:
    put_layer()
    assert verify_layer(DIGEST)
    put_layer(b"zap")
    with pytest.raises(BundleError, match="555555555555 was damaged and has been removed"):
        validate_layers([DIGEST])
    assert not any(path.exists() for path in layer_paths(DIGEST))


def test_a_layer_that_is_missing_is_not_valid() -> None:
    assert not verify_layer(DIGEST)


def test_keys_differ_where_parts_are_divided_differently() -> None:
    assert len({cache_key("ab", "c"), cache_key("a", "bc"), cache_key("abc")}) == 3
    assert len(cache_key("\udcff")) == 32


def test_returns_the_text_of_a_key(cache: Path) -> None:
    assert cached_text("kind", "key") is None
    keep_text("kind", "key", "text")
    assert cached_text("kind", "key") == "text"
    assert cached_text("other", "key") is None
    (cache_folder() / "kind" / "key").write_bytes(b"\xff")
    assert cached_text("kind", "key") is None


def test_keeps_the_thirty_texts_that_were_used_last(cache: Path) -> None:
    for number in range(30):
        keep_text("kind", str(number), "")
        os.utime(cache_folder() / "kind" / str(number), (number, number))
    assert cached_text("kind", "0") == ""  # used now
    keep_text("kind", "30", "")
    assert cached_text("kind", "1") is None
    assert cached_text("kind", "0") == ""


def test_keeps_the_six_files_of_a_kind_that_were_used_last(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for number in range(8):
        source.write_text(str(number))
        keep_file("builds", str(number), source)
        os.utime(cache_folder() / "builds" / str(number), (number, number))
        if number == 6:
            assert cached_file("builds", "1")  # now the one that was used last
    kept = {path.name for path in (cache_folder() / "builds").iterdir()}
    assert kept == set("134567")
    found = cached_file("builds", "7")
    assert found is not None
    assert found.read_text() == "7"
    assert cached_file("builds", "0") is None


@pytest.mark.parametrize(("ci", "reuse"), [("", True), ("0", True), ("False", True), ("1", False)])
def test_nothing_is_reused_under_ci_or_with_fresh(
    ci: str, reuse: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", ci)
    assert may_reuse(fresh=False) is reuse
    assert not may_reuse(fresh=True)
