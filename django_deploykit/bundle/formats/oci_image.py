"""Writes an image.

The file is an archive of an image layout. It also has Docker's own ``manifest.json``, so that every
version of ``docker load`` reads it.
"""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import BinaryIO

from django_deploykit.bundle.build_cache import cache_key, layer_paths, verify_layer
from django_deploykit.bundle.formats.base import Content, Written
from django_deploykit.bundle.formats.oci import Named
from django_deploykit.bundle.formats.oci_base import Base, read_base
from django_deploykit.bundle.formats.oci_blobs import (
    Stored,
    find_blob,
    keep_blob,
    prune_blobs,
    write_blob,
)
from django_deploykit.bundle.formats.oci_documents import Documents, Part, make_documents, sha256
from django_deploykit.bundle.formats.oci_groups import Files, Group, group_layers
from django_deploykit.bundle.formats.oci_layout import Hashed
from django_deploykit.bundle.formats.oci_release import (
    PACKAGE,
    ROOT,
    write_environment,
    write_release,
)
from django_deploykit.bundle.formats.oci_tar import LayerWriter, content_time
from django_deploykit.bundle.scratch import scratch
from django_deploykit.errors import BundleError
from django_deploykit.runtime.bundle.manifest import FileEntry, Layer, load_list, tree_digest
from django_deploykit.runtime.bundle.reader import layer_files
from django_deploykit.runtime.bundle.seal import DamagedError

_LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'
_PIECE = 1 << 20
_THREADS = 4  # at most; each needs some memory


def write_image(content: Content, path: Path, named: Named, name: str, health: str) -> Written:
    """Write an image at ``path``: the bundle's layers on the base that is named.

    ``name`` is the image's, without a tag. ``health`` is the path that its health check requests.
    """
    manifest = content.manifest
    base = read_base(named, content.folder, manifest)
    files = {one.sha256: entries_of(one) for one in manifest.layers}
    groups = group_layers(manifest.layers, files)
    with scratch(path.parent) as place:
        stored = [*_group_blobs(groups, files), *_own_blobs(content, base, files, place)]
        names = [*(one.name for one in groups), "environment", "release"]
        parts = [Part(one, two.blob) for one, two in zip(names, stored, strict=True)]
        documents = make_documents(manifest, base, parts, name, health)
        written = _write_archive(path, documents, base, stored, manifest.commit_time)
    prune_blobs(one.path for one in stored)
    return written


def _group_blobs(groups: Sequence[Group], files: Files) -> list[Stored]:
    """Return the blobs of groups. Several are compressed at once, which releases the lock."""
    with ThreadPoolExecutor(min(os.cpu_count() or 1, _THREADS)) as pool:
        return [*pool.map(partial(_group_blob, files), groups)]


def _group_blob(files: Files, group: Group) -> Stored:
    """Return a group's blob. Its bytes only depend on the files, not on the layers they are in."""
    trees = [tree_digest(one.entries) for one in group.sources]
    key = cache_key(ROOT, "static" if group.is_static else "", *trees)
    return find_blob(key) or keep_blob(key, partial(_write_group, files, group))


def _write_group(files: Files, group: Group, target: LayerWriter) -> None:
    for layer, entries in group.sources:
        with _open_archive(layer) as archive:
            paths = {entry.path for entry in entries}
            listed, what = files[layer.sha256], f"layer {layer.name}"
            try:
                for entry, data in layer_files(archive, listed, what, paths):
                    time = {"time": content_time(entry.sha256)} if group.is_static else {}
                    target.file(
                        f"{ROOT}/{entry.path}",
                        data,
                        size=entry.size,
                        sha256=entry.sha256,
                        mode=entry.mode,
                        **time,
                    )
            except DamagedError:
                verify_layer(layer.sha256)  # removes it
                raise


def _open_archive(layer: Layer) -> BinaryIO:
    """Open a layer. Another thread, which has other files of it, may have found it damaged."""
    try:
        return layer_paths(layer.sha256)[0].open("rb")
    except FileNotFoundError:
        raise DamagedError(f"layer {layer.name} was damaged and has been removed") from None


def entries_of(layer: Layer) -> list[FileEntry]:
    """Return the verified list of a cached layer."""
    return load_list(layer_paths(layer.sha256)[1].read_text(encoding="utf-8"), layer.sha256)


def _own_blobs(content: Content, base: Base, files: Files, place: Path) -> Iterator[Stored]:
    own = [one for one in content.manifest.layers if one.name == PACKAGE.replace("_", "-")]
    installed = [entry for one in own for entry in files[one.sha256]]
    python = base.contents.pythons[content.manifest.python]
    yield write_blob(
        place / "environment",
        lambda layer: write_environment(layer, content, python, installed),
    )
    yield write_blob(place / "release", lambda layer: write_release(layer, content))


class _Archive:
    """The tar that is written: its members, its SHA-256 and its size."""

    def __init__(self, file: BinaryIO, time: int) -> None:
        self._file, self._time = file, time
        self._digest, self._size = hashlib.sha256(), 0
        self._written: set[str] = set()

    def add(self, name: str, size: int, source: BinaryIO) -> None:
        """Add a member, unless a blob of the same content is in the archive already."""
        if name in self._written:
            return
        self._written.add(name)
        info = tarfile.TarInfo(name)
        info.size, info.mtime = size, self._time
        self._put(info.tobuf(tarfile.PAX_FORMAT))
        while piece := source.read(_PIECE):
            self._put(piece)
        self._put(bytes(-size % tarfile.BLOCKSIZE))

    def close(self) -> Written:
        """Write the end."""
        self._put(bytes(2 * tarfile.BLOCKSIZE))
        self._file.flush()
        os.fsync(self._file.fileno())
        return Written(self._digest.hexdigest(), self._size)

    def _put(self, data: bytes) -> None:
        self._digest.update(data)
        self._size += len(data)
        self._file.write(data)


def _write_archive(
    path: Path, documents: Documents, base: Base, stored: Iterable[Stored], time: int
) -> Written:
    with path.open("wb") as file:
        archive = _Archive(file, time)
        for name, data in (
            ("oci-layout", _LAYOUT),
            ("index.json", documents.layout),
            ("manifest.json", documents.docker),
            (f"blobs/sha256/{sha256(documents.manifest)}", documents.manifest),
            (f"blobs/sha256/{sha256(documents.config)}", documents.config),
        ):
            archive.add(name, len(data), io.BytesIO(data))
        for layer in base.layers:
            with base.layout.opened(layer.digest) as source:
                archive.add(f"blobs/sha256/{layer.digest}", layer.size, source)
        for one in stored:
            _add_stored(archive, one)
        return archive.close()


def _add_stored(archive: _Archive, one: Stored) -> None:
    """Copy a blob. A damaged one is removed from the cache."""
    damaged = BundleError(
        "a cached layer of the image was damaged and has been removed",
        "Run the same command again.",
    )
    with one.path.open("rb") as file:
        source = io.BufferedReader(Hashed(file, one.blob.digest, damaged), _PIECE)
        try:
            archive.add(f"blobs/sha256/{one.blob.digest}", one.blob.size, source)
        except BundleError:
            one.path.unlink(missing_ok=True)
            raise
