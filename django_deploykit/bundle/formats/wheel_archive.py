"""Writing a wheel from files of layers, in pieces, with the same bytes for the same files."""

from __future__ import annotations

import hashlib
import os
import shutil
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from django_deploykit.bundle.build_cache import layer_paths
from django_deploykit.bundle.formats.sealed import zip_time
from django_deploykit.bundle.formats.wheel_files import Member, record_text
from django_deploykit.bundle.project_side.pack_layers import STORED
from django_deploykit.runtime.bundle.manifest import FileEntry, load_list

_PIECE = 1 << 20


@dataclass(frozen=True)
class Part:
    """The files of a wheel that come from one layer, by its digest."""

    layer: str
    members: Sequence[Member]


def text_member(path: str, content: str | bytes, mode: int = 0o644) -> Member:
    """Return a file with a given content."""
    data = content.encode() if isinstance(content, str) else content
    return Member(path, mode, len(data), hashlib.sha256(data).hexdigest(), data)


def entries_of(digest: str) -> list[FileEntry]:
    """Return the list of files of a cached layer."""
    return load_list(layer_paths(digest)[1].read_text(encoding="utf-8"), digest)


def write_wheel(
    path: Path, moment: int, info: str, parts: Sequence[Part], texts: Sequence[Member]
) -> None:
    """Write a wheel whose ``.dist-info`` is ``info``. Its RECORD is added.

    ``moment`` is the time of its files in seconds since the epoch.
    """
    members = [*(one for part in parts for one in part.members), *texts]
    record = text_member(f"{info}/RECORD", record_text(members, f"{info}/RECORD"))
    with path.open("wb") as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for part in parts:
                _copy_layer(archive, part, moment)
            for one in (*texts, record):
                archive.writestr(_info(one, moment), one.data or b"")
        file.flush()
        os.fsync(file.fileno())


def _copy_layer(archive: zipfile.ZipFile, part: Part, moment: int) -> None:
    places = {entry.sha256: entry.path for entry in reversed(entries_of(part.layer))}
    with zipfile.ZipFile(layer_paths(part.layer)[0]) as layer:
        for one in part.members:
            if one.data is not None:
                archive.writestr(_info(one, moment), one.data)
                continue
            large = one.size >= 1 << 31
            with (
                layer.open(places[one.sha256]) as source,
                archive.open(_info(one, moment), "w", force_zip64=large) as target,
            ):
                shutil.copyfileobj(source, target, _PIECE)


def _info(one: Member, moment: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(one.path, zip_time(moment))
    info.external_attr = (0o100000 | one.mode) << 16
    info.create_system = 3
    info.compress_type = zipfile.ZIP_STORED if one.path.endswith(STORED) else zipfile.ZIP_DEFLATED
    info.file_size = one.size
    return info


def iter_sources(digest: str) -> Iterator[FileEntry]:
    """Yield the files of a layer without bytecode that Python makes of them."""
    for entry in entries_of(digest):
        if "/__pycache__/" not in entry.path or not entry.path.endswith(".pyc"):
            yield entry
