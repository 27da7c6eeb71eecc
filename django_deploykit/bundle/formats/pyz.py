"""The executable zip. A host can verify it, release it, or run it without installing it."""

from __future__ import annotations

from pathlib import Path

from django_deploykit.bundle.build_cache import layer_paths
from django_deploykit.bundle.formats.base import Content, Format, Written
from django_deploykit.bundle.formats.sealed import first_place, write_sealed
from django_deploykit.bundle.stores.base import file_name
from django_deploykit.project.values import Keys
from django_deploykit.runtime.bundle.head import head
from django_deploykit.runtime.bundle.main_script import main_text
from django_deploykit.runtime.bundle.manifest import Manifest

KEYS: Keys = {}


def name(manifest: Manifest) -> str:
    """Return the default name of the file."""
    return file_name(manifest.project, manifest.release_id)


def write(content: Content, path: Path) -> Written:
    """Write a bundle at ``path``."""
    members, archives = _members(content), {}
    digests = [layer.sha256 for layer in content.manifest.layers]
    for layer in content.manifest.layers:
        archive, listing, _ = layer_paths(layer.sha256)
        archives[layer.archive] = archive
        members[f"layers/{layer.sha256}.json"] = listing.read_bytes()
    start, first = _start(content.manifest)
    moment = content.manifest.commit_time
    return write_sealed(path, moment, members, archives, digests, start=start, first=first)


def _start(manifest: Manifest) -> tuple[bytes, str]:
    """Return the first bytes of the file, and the member that comes first: the interpreter, if any."""
    layer = manifest.interpreter
    if layer is None:
        return head(manifest), ""
    archive, _, digest = layer_paths(layer.sha256)
    place = first_place(head(manifest), layer.archive)
    size, sha256 = archive.stat().st_size, digest.read_text(encoding="ascii")
    return head(manifest, place, size, sha256), layer.archive


FORMAT = Format(name, write)


def _members(content: Content) -> dict[str, bytes]:
    text = content.manifest.dumps()
    return {
        "__main__.py": main_text(text, content.runtime).encode(),
        "manifest.json": text.encode(),
        **content.files,
        **{f"runtime/{name}": data for name, data in content.runtime.items()},
    }
