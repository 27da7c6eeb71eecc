"""``pylock.toml`` (PEP 751)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from django_deploykit.bundle.locks.base import LockFile, Reader, Requirement, read_toml


def read(folder: Path, name: str, extras: tuple[str, ...]) -> LockFile:  # noqa: ARG001 - pylock.toml is written for chosen extras
    """Return a ``pylock.toml`` as a lock file."""
    rows = read_toml(folder / name).get("packages", [])
    return LockFile(name, tuple(_requirement(package, name) for package in rows))


READER = Reader(
    read, command="uv export --format pylock.toml -o pylock.toml, or pip lock", name="pylock.toml"
)


def _requirement(package: Mapping[str, Any], name: str) -> Requirement:
    where = f"{name}: {package.get('name')}"
    marker = f" ; {package['marker']}" if package.get("marker") else ""
    title = str(package["name"])
    if "vcs" in package:
        vcs = package["vcs"]
        source = f"{vcs.get('type', 'git')}+{vcs.get('url', vcs.get('path'))}@{vcs['commit-id']}"
        folder = f"#subdirectory={vcs['subdirectory']}" if vcs.get("subdirectory") else ""
        return Requirement(f"{title} @ {source}{folder}{marker}", (), where)
    if "directory" in package:
        return Requirement(f"{_local(package['directory']['path'])}{marker}", (), where)
    if "archive" in package:
        archive = package["archive"]
        target = archive.get("url") or _local(archive["path"])
        return Requirement(f"{title} @ {target}{marker}", tuple(_hashes(archive)), where)
    files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
    local = [one for one in files if "path" in one and "url" not in one]
    if local and "version" not in package:
        return Requirement(f"{_local(local[0]['path'])}{marker}", tuple(_hashes(local[0])), where)
    hashes = tuple(dict.fromkeys(text for one in files for text in _hashes(one)))
    return Requirement(f"{title}=={package.get('version', '')}{marker}", hashes, where)


def _local(path: str) -> str:
    return path if path.startswith(("./", "../")) else f"./{path}"


def _hashes(file: Mapping[str, Any]) -> Iterator[str]:
    for kind, digest in file.get("hashes", {}).items():
        yield f"{kind}:{digest}"
