"""What ``manage.py bundle`` tells of a bundle: for machines, and for people against the last one."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import Any

from django_deploykit.bundle.build import Built
from django_deploykit.errors import DeployKitError
from django_deploykit.project import Project
from django_deploykit.release.plan import in_bytes
from django_deploykit.runtime.bundlefile import BundleFile
from django_deploykit.runtime.manifest import Layer, Manifest

_BIGGEST = 8


def as_json(built: Built) -> dict[str, Any]:
    """Return a bundle for machines."""
    manifest = built.manifest
    return {
        "path": str(built.path),
        "release_id": manifest.release_id,
        "commit": manifest.commit,
        "sha256": built.sha256,
        "size": built.size,
        "layers": [asdict(layer) for layer in manifest.layers],
        "python": manifest.python,
        "platform": manifest.platform,
        "glibc": manifest.glibc,
        "processes": {one.name: one.command for one in manifest.processes},
        "required": list(manifest.required),
        "notes": list(built.notes),
        "seconds": built.seconds,
    }


def previous(project: Project) -> Manifest | None:
    """Return the manifest of the bundle that was built last, None where there is none."""
    paths = sorted(
        (project.root / ".deploykit" / "bundles").glob("*.pyz"), key=os.path.getmtime, reverse=True
    )
    for path in paths[:1]:
        try:
            with BundleFile(path) as bundle:
                return bundle.manifest
        except DeployKitError:
            return None
    return None


def summary(built: Built, last: Manifest | None) -> list[str]:
    """Return a bundle in words: what it is, what changed, what is big."""
    manifest = built.manifest
    biggest = sorted(manifest.layers, key=lambda one: -one.size)[:_BIGGEST]
    lines = [
        f"{manifest.project} {manifest.release_id}: {in_bytes(built.size)}, {len(manifest.layers)} layers"
    ]
    lines += [f"  {title(layer):<32} {in_bytes(layer.size):>10}" for layer in biggest]
    rest = sum(layer.size for layer in manifest.layers) - sum(layer.size for layer in biggest)
    if rest:
        lines.append(f"  {'the others':<32} {in_bytes(rest):>10}")
    if last is not None:
        lines += changes(last, manifest)
    took = ", ".join(f"{name} {seconds:.2f}" for name, seconds in built.seconds.items())
    return [*lines, f"seconds: {took}", f"sha256: {built.sha256}", str(built.path)]


def changes(before: Manifest, now: Manifest) -> list[str]:
    """Return what differs from the last bundle, layer by layer."""
    old = {(layer.kind, layer.name): layer for layer in before.layers}
    new = {(layer.kind, layer.name): layer for layer in now.layers}
    lines = []
    for key in sorted({*old, *new}):
        if key not in old:
            lines.append(f"  + {title(new[key])}")
        elif key not in new:
            lines.append(f"  - {title(old[key])}")
        elif old[key].sha256 != new[key].sha256:
            versions = (
                f"{old[key].version} -> {new[key].version}"
                if old[key].version != new[key].version
                else ""
            )
            lines.append(f"  ~ {key[1]} {versions}".rstrip())
    return [f"against {before.release_id}:", *(lines or ["  nothing changed"])]


def title(layer: Layer) -> str:
    """Return a layer's name with its version."""
    return f"{layer.name} {layer.version}".strip()
