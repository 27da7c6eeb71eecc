"""What ``manage.py bundle`` prints about a bundle: JSON, or a comparison with the previous one."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from django_deploykit.bundle.build import Built, BuiltFile
from django_deploykit.bundle.signing import VARIABLE, sign
from django_deploykit.bundle.stores import DEFAULT, STORES
from django_deploykit.errors import DeployKitError
from django_deploykit.management.summary import Line, columns
from django_deploykit.progress import in_bytes
from django_deploykit.project import Project
from django_deploykit.project.formats import DEFAULT as FORMAT_OF_RELEASES
from django_deploykit.runtime.base.files import hash_file
from django_deploykit.runtime.bundle.manifest import Layer, Manifest
from django_deploykit.runtime.bundle.reader import BundleFile
from django_deploykit.runtime.bundle.signature import (
    make_statement,
    parse,
    read_signature,
    signature_path,
)

_BIGGEST = 8
_NAMED = 3  # changed files to show for each layer
_OWN = ("app", "static")  # layers of the project's own files


@dataclass(frozen=True)
class Last:
    """A bundle to compare.

    ``lists`` maps the digest of layers of the project's own files to the SHA-256 of their files, by
    path.
    """

    manifest: Manifest
    lists: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    path: Path | None = None

    def own(self, kind: str) -> dict[str, Layer]:
        """Return the layers of one kind by their digest."""
        return {layer.sha256: layer for layer in self.manifest.layers if layer.kind == kind}


def as_json(built: Built) -> dict[str, object]:
    """Return the JSON object that ``--json`` prints for a bundle.

    What it says of the first file, it also says without ``files``.
    """
    manifest = built.manifest
    files = [
        {**asdict(one), "path": str(one.path), "signature": one.signature and str(one.signature)}
        for one in built.files
    ]
    return {
        **files[0],
        "files": files,
        "release_id": manifest.release_id,
        "commit": manifest.commit,
        "tag": built.tag,
        "layers": [asdict(layer) for layer in manifest.layers],
        "python": manifest.python,
        "platform": manifest.platform,
        "glibc": manifest.glibc,
        "processes": {one.name: one.command for one in manifest.processes},
        "required": list(manifest.required),
        "notes": list(built.notes),
        "seconds": built.seconds,
    }


def sign_built(built: Built, key: str) -> Built:
    """Return a bundle with a signature of each file, as :func:`sign_file` makes it."""
    signed = (replace(one, signature=sign_file(one, built.manifest, key)) for one in built.files)
    return replace(built, files=tuple(signed))


def sign_file(file: BuiltFile, manifest: Manifest, key: str) -> Path | None:
    """Sign a file with ``key`` or the key in DEPLOYKIT_SIGN; return the signature's path.

    Without a key, an earlier signature is kept if it signs the same bytes. Otherwise it is removed,
    and None is returned.
    """
    key = key or os.environ.get(VARIABLE, "")
    if key:
        return sign(file.path, manifest, file.sha256, key)
    path = signature_path(file.path)
    try:
        text = read_signature(file.path)
        if text and parse(text).statement == make_statement(manifest, file.sha256):
            return path
    except DeployKitError:
        pass
    path.unlink(missing_ok=True)
    return None


def sign_again(path: Path) -> None:
    """Sign an existing bundle if DEPLOYKIT_SIGN names a key."""
    if os.environ.get(VARIABLE):
        with BundleFile(path) as bundle:
            manifest = bundle.manifest
        sign(path, manifest, hash_file(path), os.environ[VARIABLE])


def previous(project: Project, store: str = DEFAULT) -> Last | None:
    """Return the newest bundle of a store, or None if there is none or it cannot be read."""
    paths = STORES[store].bundles(project)
    return read_last(paths[-1]) if paths else None


def read_last(path: Path) -> Last | None:
    """Return a bundle without its lists, or None if it cannot be read."""
    try:
        with BundleFile(path) as bundle:
            return Last(bundle.manifest, path=path)
    except (DeployKitError, OSError):
        return None


def with_lists(one: Last, other: Last) -> Last:
    """Return a bundle with the lists of those layers that the other one does not have."""
    known = {layer.sha256 for layer in other.manifest.layers}
    wanted = {digest for kind in _OWN for digest in one.own(kind)} - known
    if not wanted or one.path is None:
        return one
    lists = {}
    with suppress(DeployKitError, OSError), BundleFile(one.path) as bundle:
        if bundle.manifest == one.manifest:  # else it was replaced meanwhile
            for digest in sorted(wanted):
                lists[digest] = {entry.path: entry.sha256 for entry in bundle.entries(digest)}
    return replace(one, lists=lists)


def summary(built: Built, last: Last | None, seconds: float) -> list[Line]:
    """Return the lines about a bundle: name, largest layers, changes, duration, and its files."""
    manifest = built.manifest
    unpacked = sum(layer.size for layer in manifest.layers)
    lines: list[Line] = [(f"{manifest.project} {manifest.release_id} is bundled", "good")]
    body = [
        (
            f"{in_bytes(unpacked)} in {len(manifest.layers)} layers, "
            f"for Python {manifest.python}{_platform(manifest)}"
        ),
        *(f"  {line}" for line in biggest(manifest)),
    ]
    if last is not None:
        body += changes(*_comparable(last, built))
    body.append(f"took {seconds:.1f} s")
    lines += [(f"  {line}", "") for line in body]
    for one in built.files:
        lines.append((f"  {in_bytes(one.size)}, sha256 {one.sha256}", ""))
        lines += [(str(path), "head") for path in (one.path, one.signature) if path]
    return lines


def _comparable(last: Last, built: Built) -> tuple[Last, Last]:
    """Return two bundles with the lists that differ, if a file was built that has lists."""
    path = next((file.path for file in built.files if file.format == FORMAT_OF_RELEASES), None)
    now = Last(built.manifest, path=path)
    return (with_lists(last, now), with_lists(now, last)) if path else (last, now)


def _platform(manifest: Manifest) -> str:
    if manifest.platform == "any":
        return ""
    glibc = f", glibc {manifest.glibc} or newer" if manifest.glibc else ""
    return f" on {manifest.platform}{glibc}"


def biggest(manifest: Manifest) -> list[str]:
    """Return lines with the largest layers, and one with the total size of the others."""
    ordered = sorted(_whole(manifest.layers), key=lambda one: (-one.size, one.name))
    rows = [(title(layer), in_bytes(layer.size)) for layer in ordered[:_BIGGEST]]
    rest = ordered[_BIGGEST:]
    if rest:
        size = in_bytes(sum(layer.size for layer in rest))
        rows.append((f"{len(rest)} more" if len(rest) > 1 else title(rest[0]), size))
    width = max((len(size) for _, size in rows), default=0)
    return columns([(name, f"{size:>{width}}") for name, size in rows])


def changes(before: Last, now: Last) -> list[str]:
    """Return lines with the layers that differ, and the first of the project's changed files."""
    old = {(layer.kind, layer.name): layer for layer in _whole(before.manifest.layers)}
    new = {(layer.kind, layer.name): layer for layer in _whole(now.manifest.layers)}
    lines = []
    for key in sorted({*old, *new}):
        if key not in old:
            lines.append(f"  + {title(new[key])}")
        elif key not in new:
            lines.append(f"  - {title(old[key])}")
        elif key[0] in _OWN:
            if before.own(key[0]).keys() != now.own(key[0]).keys():
                lines.append(f"  ~ {key[1]}")
                files = changed_files(_files(before, key[0]), _files(now, key[0]))
                lines += [f"      {line}" for line in files]
        elif old[key].sha256 != new[key].sha256:
            lines.append(f"  ~ {key[1]} {_versions(old[key], new[key])}".rstrip())
    release = before.manifest.release_id
    if not lines:
        return [f"the same as the previous one, {release}"]
    return [f"compared with the previous one, {release}:", *lines]


def _whole(layers: Sequence[Layer]) -> list[Layer]:
    """Return layers with one in place of all that have the project's own files of one kind."""
    found = [layer for layer in layers if layer.kind not in _OWN]
    for kind in _OWN:
        parts = [layer for layer in layers if layer.kind == kind]
        if parts:
            size, files = (sum(layer.size for layer in parts), sum(layer.files for layer in parts))
            found.append(Layer(kind, kind, "", "", size, files))
    return found


def _files(one: Last, kind: str) -> dict[str, str]:
    """Return the SHA-256 of the files in the known lists of one kind, by path."""
    rows = (one.lists.get(digest, {}) for digest in one.own(kind))
    return {path: digest for row in rows for path, digest in row.items()}


def _versions(old: Layer, new: Layer) -> str:
    return f"{old.version} -> {new.version}" if old.version != new.version else ""


def changed_files(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """Return lines with the files that differ, the first few by name.

    >>> changed_files({"app/a.py": "1", "app/b.py": "1"}, {"app/a.py": "2"})
    ['~ a.py', '- b.py']
    """
    rows = [
        ("+" if path not in old else "-" if path not in new else "~", path)
        for path in sorted({*old, *new})
        if old.get(path) != new.get(path)
    ]
    named = [f"{mark} {path.removeprefix('app/')}" for mark, path in rows[:_NAMED]]
    left = len(rows) - _NAMED
    return [*named, f"and {left} more file{'s' if left > 1 else ''}"] if left > 0 else named


def title(layer: Layer) -> str:
    """Return a layer's name with its version."""
    return f"{layer.name} {layer.version}".strip()
