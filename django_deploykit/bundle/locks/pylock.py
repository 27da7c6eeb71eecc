"""``pylock.toml`` (PEP 751)."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from django_deploykit.bundle.locks.base import (
    LockFile,
    Reader,
    Requirement,
    Wanted,
    normal_name,
    read_toml,
    validate_choice,
)
from django_deploykit.errors import BundleError
from django_deploykit.project.toml import parse_toml
from django_deploykit.runtime.base.documents import Document

UV_PINS = "uv export -q --no-hashes --no-emit-project --no-emit-local"
_DEFAULT = "https://pypi.org/simple"
# pip and uv write what is chosen when they make the file.
_CHOSEN = "uv chooses them when it writes the file: uv export --group NAME --extra NAME."
_CHOICE = re.compile(
    r"(?P<quote>['\"])(?P<name>[^'\"]*)(?P=quote)\s*(?P<no>not\s+)?in\s+(?P<kind>extras|dependency_groups)\b"
)


def read(folder: Path, name: str, wanted: Wanted) -> LockFile:
    """Return a ``pylock.toml`` as a lock file."""
    data = read_toml(folder / name)
    for kind, key, chosen in (
        ("dependency group", "dependency-groups", wanted.groups),
        ("extra", "extras", wanted.extras),
    ):
        validate_choice(chosen, data.get(key) or (), kind, name, _CHOSEN)
    return _lock(data, name, wanted)


def read_text(text: str, name: str, wanted: Wanted) -> LockFile:
    """Return the text of a ``pylock.toml`` as the lock file ``name``."""
    try:
        data = parse_toml(text)
    except ValueError as error:
        raise BundleError(f"the export of {name} is not TOML: {error}") from None
    return _lock(data, name, replace(wanted, groups=()))


def _lock(data: Document, name: str, wanted: Wanted) -> LockFile:
    rows = data.get("packages", [])
    groups = {*data.get("default-groups", []), *wanted.groups}
    chosen = {"extras": set(wanted.extras), "dependency_groups": groups}
    offered = (*data.get("dependency-groups", ()), *data.get("extras", ()))
    taken = {*groups, *wanted.extras}
    return LockFile(
        name,
        tuple(_requirement(package, name, chosen) for package in rows),
        tuple(_indexes(rows)),
        tuple(one for one in offered if one not in taken),
    )


READER = Reader(
    read,
    command="uv export --format pylock.toml -o pylock.toml, or pip lock",
    name="pylock.toml",
    pins=UV_PINS,
)


def _indexes(rows: Iterable[Document]) -> Iterator[str]:
    """Yield an option for each folder of packages, and for each index except the default one."""
    found: dict[str, None] = {}
    for row in rows:
        index = str(row.get("index", "")).rstrip("/")
        if index not in ("", _DEFAULT):
            found[f"--extra-index-url {row['index']}"] = None
        for file in (*row.get("wheels", []), *([row["sdist"]] if "sdist" in row else [])):
            if "version" in row and "path" in file:
                found[f"--find-links {os.path.dirname(file['path']) or '.'}"] = None
    yield from found


def settle_marker(marker: str, chosen: Mapping[str, Collection[str]]) -> str:
    """Return a marker in which questions about ``extras`` and ``dependency_groups`` are answered.

    A requirements file has neither, so a comparison that is always or never true takes their place.

    >>> settle_marker("'default' in dependency_groups", {"dependency_groups": ["default"]})
    "python_version >= '3'"
    """

    def answer(match: re.Match[str]) -> str:
        has = normal_name(match["name"]) in map(normal_name, chosen.get(match["kind"], ()))
        return f"python_version {'<' if has == bool(match['no']) else '>='} '3'"

    return _CHOICE.sub(answer, marker)


def _requirement(
    package: Document, name: str, chosen: Mapping[str, Collection[str]]
) -> Requirement:
    where = f"{name}: {package.get('name')}"
    found = settle_marker(str(package.get("marker", "")), chosen)
    marker = f" ; {found}" if found else ""
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


def _hashes(file: Document) -> Iterator[str]:
    for kind, digest in file.get("hashes", {}).items():
        yield f"{kind}:{digest}"
