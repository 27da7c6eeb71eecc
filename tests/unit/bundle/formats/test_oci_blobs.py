"""Compressed layers of images are kept in the build cache."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from django_deploykit.bundle.formats.oci_blobs import (
    blob_folder,
    find_blob,
    keep_blob,
    prune_blobs,
)
from django_deploykit.bundle.formats.oci_tar import LayerWriter
from tests.images import digest


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLOYKIT_BUILD_CACHE", str(tmp_path / "cache"))


def fill(layer: LayerWriter) -> None:
    layer.folder("srv")


def test_a_blob_is_found_by_its_key() -> None:
    assert find_blob("key") is None
    kept = keep_blob("key", fill)
    assert find_blob("key") == kept
    assert digest(kept.path.read_bytes()) == kept.blob.digest
    assert find_blob("ke") is None


def test_a_blob_that_cannot_be_written_leaves_nothing() -> None:
    def full(_: LayerWriter) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        keep_blob("key", full)
    assert list(blob_folder().iterdir()) == []


def test_old_blobs_are_removed_unless_they_are_used() -> None:
    paths = [keep_blob(key, fill).path for key in ("new", "old", "used")]
    for path in paths[1:]:
        os.utime(path, (0, 0))
    prune_blobs(paths[2:])
    assert [path.exists() for path in paths] == [True, False, True]
