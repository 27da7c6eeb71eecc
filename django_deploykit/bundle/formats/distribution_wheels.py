"""Wheels of distributions, made again from their layers, so that nothing is fetched.

A wheel has the files of its layer, with their digests in RECORD. Installers make the scripts of
entry points; other scripts and files outside of site-packages are in its ``.data`` folder. Each
wheel is made once for a layer, and cached.
"""

from __future__ import annotations

import configparser
import os
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from django_deploykit.bundle.build_cache import (
    cache_folder,
    keep_newest_folders,
    layer_paths,
    validate_layers,
)
from django_deploykit.bundle.formats.wheel_archive import (
    Part,
    iter_sources,
    text_member,
    write_wheel,
)
from django_deploykit.bundle.formats.wheel_files import Member, escaped, member_of
from django_deploykit.bundle.scratch import scratch
from django_deploykit.errors import BundleError
from django_deploykit.runtime.base.files import hash_file
from django_deploykit.runtime.bundle.manifest import FileEntry, Layer

_MOST = 400  # wheels that stay in the cache
_SUM = "sha256"  # the file with the digest of a cached wheel
_FIRST_YEAR = 315532800  # the start of 1980: the wheel does not depend on the commit
# The first lines of a script that starts the Python next to it; the wheel had "#!python" there.
_SEEKING = b"#!/bin/sh\n'''exec' "
_AFTER = b"\n' '''\n"
_PYTHON = b"#!python\n"


@dataclass(frozen=True)
class Wheel:
    """A wheel: its path, and its SHA-256 in hex."""

    path: Path
    sha256: str


def distribution_wheels(layers: Sequence[Layer], python: str) -> list[Wheel]:
    """Return a wheel for each layer, from the cache if possible. ``python`` is as ``3.11``.

    Raise :class:`BundleError` if a layer is damaged.
    """
    folder = cache_folder() / "layer-wheels"
    folder.mkdir(parents=True, exist_ok=True)
    found = [_cached(layer, python, folder) for layer in layers]
    keep_newest_folders(folder, max(_MOST, len(found)))
    return found


def _cached(layer: Layer, python: str, folder: Path) -> Wheel:
    kept = folder / layer.sha256
    found = _undamaged(kept)
    if found is None:
        validate_layers([layer.sha256])
        with scratch(folder) as place:
            made = place / "made"
            made.mkdir()
            path = _make(layer, python, made)
            (made / _SUM).write_text(hash_file(path), encoding="ascii")
            with suppress(FileNotFoundError):
                os.rename(kept, place / "damaged")
            with suppress(OSError):  # another build has stored the same wheel
                os.rename(made, kept)
        found = _undamaged(kept)
    if found is None:
        raise BundleError(
            f"the wheel of {layer.name} cannot be cached", "Run the same command again."
        )
    os.utime(kept)
    return found


def _undamaged(kept: Path) -> Wheel | None:
    """Return the wheel in a folder of the cache, or None if there is none or it is damaged."""
    path = next(kept.glob("*.whl"), None)
    if path is None:
        return None
    digest = hash_file(path)
    try:
        good = (kept / _SUM).read_text(encoding="ascii") == digest
    except (OSError, ValueError):
        good = False
    return Wheel(path, digest) if good else None


def _make(layer: Layer, python: str, folder: Path) -> Path:
    entries = list(iter_sources(layer.sha256))
    site = f"lib/python{python}/site-packages/"
    info = _info_folder(layer, entries, site)
    with zipfile.ZipFile(layer_paths(layer.sha256)[0]) as archive:
        source = _Source(archive, entries)
        made = entry_point_scripts(source.text(f"{site}{info}/entry_points.txt"))
        name = wheel_name(info, layer, source.text(f"{site}{info}/WHEEL"))
        members = list(_iter_members(entries, site, info, made, source))
    part = Part(layer.sha256, members)
    write_wheel(folder / name, _FIRST_YEAR, info, [part], [])
    return folder / name


def _info_folder(layer: Layer, entries: Iterable[FileEntry], site: str) -> str:
    for one in entries:
        folder = one.path.removeprefix(site).partition("/")[0]
        if folder.endswith(".dist-info") and one.path == f"{site}{folder}/METADATA":
            return folder
    raise BundleError(f"{layer.name} {layer.version} has no metadata, so it cannot be a wheel")


class _Source:
    """Reads small files of a layer. Equal files are in its archive once."""

    def __init__(self, archive: zipfile.ZipFile, entries: Sequence[FileEntry]) -> None:
        known = set(archive.namelist())
        stored = {one.sha256: one.path for one in entries if one.path in known}
        self._archive = archive
        self._places = {one.path: stored.get(one.sha256, one.path) for one in entries}

    def text(self, path: str) -> str:
        """Return a file's text, or an empty string if there is no such file."""
        if path not in self._places:
            return ""
        return self._archive.read(self._places[path]).decode("utf-8", "replace")

    def script(self, entry: FileEntry) -> bytes | None:
        """Return a script as its wheel had it if the installer has changed it, or else None."""
        with self._archive.open(self._places[entry.path]) as file:
            start = file.read(len(_SEEKING))
            return original_script(start + file.read()) if start == _SEEKING else None


def original_script(data: bytes) -> bytes | None:
    """Return a script with the first line that installers replace, or None.

    >>> original_script(b"#!/bin/sh\\n'''exec' /usr/bin/python \\"$0\\" \\"$@\\"\\n' '''\\nimport sys\\n")
    b'#!python\\nimport sys\\n'
    """
    first, found, rest = data.partition(_AFTER)
    return _PYTHON + rest if found and first.startswith(_SEEKING) else None


def _iter_members(
    entries: Iterable[FileEntry], site: str, info: str, made: set[str], source: _Source
) -> Iterator[Member]:
    """Yield the files of a wheel; those of ``.dist-info`` come last, as its format wants it."""
    data = info.removesuffix(".dist-info") + ".data"
    last = []
    for one in entries:
        folder, _, name = one.path.rpartition("/")
        if one.path.startswith(f"{site}{info}/"):
            if name != "RECORD":
                last.append(member_of(one, one.path.removeprefix(site)))
        elif one.path.startswith(site):
            yield member_of(one, one.path.removeprefix(site))
        elif folder == "bin":
            if name not in made:
                changed = source.script(one)
                path = f"{data}/scripts/{name}"
                yield member_of(one, path) if changed is None else text_member(path, changed, 0o755)
        else:
            yield member_of(one, f"{data}/data/{one.path}")
    yield from last


def entry_point_scripts(text: str) -> set[str]:
    """Return the names of the scripts that an installer makes for an ``entry_points.txt``."""
    parser = configparser.RawConfigParser(delimiters=("=",), strict=False)
    parser.optionxform = str  # type: ignore[method-assign, assignment]
    try:
        parser.read_string(text)
    except configparser.Error:
        return set()
    sections = ("console_scripts", "gui_scripts")
    return {name for one in sections if parser.has_section(one) for name in parser.options(one)}


def wheel_name(info: str, layer: Layer, text: str) -> str:
    """Return the file name of a wheel, with the tags of its WHEEL ``text``.

    >>> wheel_name("A-1.dist-info", Layer("", "a", "1", "", 0, 0), "Tag: py2-none-any\\nTag: py3-none-any\\n")
    'A-1-py2.py3-none-any.whl'
    """
    base = info.removesuffix(".dist-info")
    if base.count("-") != 1:
        base = f"{escaped(layer.name)}-{layer.version.replace('-', '_')}"
    rows = [line[4:].strip() for line in text.splitlines() if line.startswith("Tag:")]
    parts = [row.split("-") for row in rows if row.count("-") == 2] or [["py3", "none", "any"]]
    columns = [".".join(dict.fromkeys(one)) for one in zip(*parts, strict=True)]
    return f"{base}-{'-'.join(columns)}.whl"
