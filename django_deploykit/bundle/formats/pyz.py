"""The executable zip. A host can verify it, release it, or run it without installing it."""

from __future__ import annotations

from pathlib import Path

from django_deploykit.bundle.build_cache import layer_paths
from django_deploykit.bundle.formats.base import Content, Format, Written
from django_deploykit.bundle.formats.sealed import write_sealed
from django_deploykit.bundle.stores.base import file_name
from django_deploykit.project.values import Keys
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
    for digest in digests:
        archive, listing, _ = layer_paths(digest)
        archives[f"layers/{digest}.zip"] = archive
        members[f"layers/{digest}.json"] = listing.read_bytes()
    return write_sealed(path, content.manifest.commit_time, members, archives, digests)


FORMAT = Format(name, write)


def _members(content: Content) -> dict[str, bytes]:
    text = content.manifest.dumps()
    return {
        "__main__.py": main_text(text, content.runtime).encode(),
        "manifest.json": text.encode(),
        **content.files,
        **{f"runtime/{name}": data for name, data in content.runtime.items()},
    }
