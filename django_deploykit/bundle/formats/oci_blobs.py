"""The layers of images that were compressed before, in the build cache."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from django_deploykit.bundle.build_cache import cache_folder
from django_deploykit.bundle.formats.oci_tar import Blob, LayerWriter
from django_deploykit.bundle.scratch import remove_abandoned, scratch

_UNUSED = 60 * 24 * 3600  # seconds after which blobs that no build used are removed


class Stored(NamedTuple):
    """A blob and its file."""

    blob: Blob
    path: Path


def blob_folder() -> Path:
    """Return the folder of cached blobs, created if necessary."""
    folder = cache_folder() / "image-layers"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def find_blob(key: str) -> Stored | None:
    """Return the cached blob of a key. The file's name has everything that is known about it."""
    for path in blob_folder().glob(f"{key}.*"):
        with suppress(FileNotFoundError):  # another build removed it
            os.utime(path)
            _, digest, diff_id = path.name.split(".")
            return Stored(Blob(digest, diff_id, path.stat().st_size), path)
    return None


def keep_blob(key: str, fill: Callable[[LayerWriter], None]) -> Stored:
    """Write the blob of a key into the cache."""
    folder = blob_folder()
    with scratch(folder) as place:
        stored = write_blob(place / "blob", fill)
        path = folder / f"{key}.{stored.blob.digest}.{stored.blob.diff_id}"
        os.replace(stored.path, path)
    return Stored(stored.blob, path)


def write_blob(path: Path, fill: Callable[[LayerWriter], None]) -> Stored:
    """Write a blob at a path."""
    with path.open("wb") as file:
        layer = LayerWriter(file)
        fill(layer)
        blob = layer.close()
    return Stored(blob, path)


def prune_blobs(used: Iterable[Path]) -> None:
    """Remove old blobs that this build did not use."""
    folder, kept = blob_folder(), set(used)
    oldest = time.time() - _UNUSED
    remove_abandoned(folder)
    for path in folder.iterdir():
        with suppress(OSError):  # another build removed it
            if path not in kept and path.is_file() and path.stat().st_mtime < oldest:
                path.unlink()
