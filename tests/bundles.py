"""Bundles written by hand, without a build."""

from __future__ import annotations

import functools
import gzip
import hashlib
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

from django_deploykit.runtime.bundle import tar_stream
from django_deploykit.runtime.bundle.head import head
from django_deploykit.runtime.bundle.main_script import main_text, runtime_digest
from django_deploykit.runtime.bundle.manifest import (
    FileEntry,
    Layer,
    Manifest,
    Process,
    dump_list,
    tree_digest,
)
from django_deploykit.runtime.bundle.reader import BundleFile
from django_deploykit.runtime.bundle.seal import SEAL, seal_of
from django_deploykit.runtime.sources import sources

Tree = Mapping[str, bytes | tuple[bytes, int]]
EPOCH = (1980, 1, 1, 0, 0, 0)


@functools.cache
def runtime() -> tuple[dict[str, bytes], str]:
    """Return the runtime's sources and their digest, which hundreds of tests need."""
    found = sources()
    return found, runtime_digest(found)


def entries_of(tree: Tree) -> list[FileEntry]:
    """Return a tree's file list."""
    rows = []
    for path, value in sorted(tree.items()):
        data, mode = value if isinstance(value, tuple) else (value, 0o644)
        rows.append(FileEntry(path, mode, len(data), hashlib.sha256(data).hexdigest()))
    return rows


def layer_zip(tree: Tree) -> bytes:
    """Return a layer's archive."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, value in sorted(tree.items()):
            data = value[0] if isinstance(value, tuple) else value
            archive.writestr(zipfile.ZipInfo(path, EPOCH), data, zipfile.ZIP_DEFLATED)
    return target.getvalue()


def layer_tar(tree: Tree) -> bytes:
    """Return the archive of an interpreter's layer."""
    parts = [tar_stream.begin(entries_of(tree))]
    for entry in entries_of(tree):
        value = tree[entry.path]
        data = value[0] if isinstance(value, tuple) else value
        parts.append(tar_stream.header(tar_stream.TREE + entry.path, entry.mode, entry.size))
        parts += [data, tar_stream.padding(entry.size)]
    return gzip.compress(b"".join([*parts, tar_stream.END]), mtime=0)


def make_layer(kind: str, name: str, version: str, tree: Tree) -> Layer:
    """Return a layer as a manifest lists it."""
    rows = entries_of(tree)
    return Layer(kind, name, version, tree_digest(rows), sum(row.size for row in rows), len(rows))


def make_manifest(layers: tuple[Layer, ...], **changes: object) -> Manifest:
    """Return a manifest of a project ``shop``."""
    import sys

    values: dict[str, object] = {
        "project": "shop",
        "release_id": "20261123T041500-ab12cd3",
        "commit": "ab12cd3" + "0" * 33,
        "commit_time": 1795407300,
        "tree": "c" * 40,
        "settings_module": "shop.settings",
        "python": "{}.{}".format(*sys.version_info),
        "platform": "any",
        "glibc": "",
        "layers": layers,
        "processes": (Process("web", "gunicorn shop.wsgi"),),
        "runtime": runtime()[1],
    }
    return Manifest(**{**values, **changes})  # type: ignore[arg-type]


def write_bundle(
    path: Path,
    manifest: Manifest,
    trees: Mapping[str, Tree],
    extra: Mapping[str, bytes] | None = None,
) -> Path:
    """Write a bundle; ``trees`` are by the layer's name, ``extra`` replaces or adds members."""
    text = manifest.dumps()
    members = {
        "manifest.json": text.encode(),
        "__main__.py": main_text(text, runtime()[0]).encode(),
        "sample.ini": b"",
        "sbom.cdx.json": b"{}",
    }
    for name, data in runtime()[0].items():
        members[f"runtime/{name}"] = data
    for layer in manifest.layers:
        tree = trees[layer.name]
        members[f"layers/{layer.sha256}.json"] = dump_list(entries_of(tree)).encode()
        own = layer is manifest.interpreter
        members[layer.archive] = layer_tar(tree) if own else layer_zip(tree)
    members.update(extra or {})
    target = io.BytesIO(b"")
    first = manifest.interpreter.archive if manifest.interpreter else ""
    if first:
        place, data = len(head(manifest)) + 30 + len(first), members[first]
        target.write(head(manifest, place, len(data), hashlib.sha256(data).hexdigest()))
    else:
        target.write(head(manifest))
    with zipfile.ZipFile(target, "a") as archive:
        for name in sorted(members, key=lambda name: (name != first, name)):
            archive.writestr(zipfile.ZipInfo(name, EPOCH), members[name])
        archive.comment = SEAL + b"0" * 64
    data = target.getvalue()[:-64]
    path.write_bytes(data + seal_of(io.BytesIO(data), len(data)))
    path.chmod(0o755)
    return path


def release_id(bundle: Path) -> str:
    """Return the release id of a bundle."""
    with BundleFile(bundle) as opened:
        return opened.manifest.release_id
