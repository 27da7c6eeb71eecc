"""Layers: trees to be packed, and the cache in which they lie packed."""

from __future__ import annotations

import functools
import hashlib
import os
import re
import shutil
import time
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from django_deploykit.bundle.project_side import pack_layers
from django_deploykit.errors import BundleError

_FILE_WORK = 4096
_ENDS = (".zip", ".json", ".sum")
_CUT_OFF = 24 * 3600  # seconds after which a file that nobody finished leaves the cache
_STAMP = re.compile(r"[0-9a-f]{12}\Z")
_UNUSED = 60 * 24 * 3600  # seconds after which a layer that no build used leaves the cache


@dataclass(frozen=True)
class Tree:
    """What becomes a layer: files by their path in the release, and where they lie now."""

    kind: str
    name: str
    version: str
    files: tuple[tuple[str, str], ...]

    @property
    def weight(self) -> int:
        """The work of packing it, in the time that a byte takes to be compressed."""
        return sum(_work(source) for _, source in self.files)


def _work(path: str) -> int:
    """Return the work of packing a file: sources are compiled too, which is most of it."""
    size = os.path.getsize(path)
    if path.endswith(".py"):
        return 9 * size + _FILE_WORK
    return size // 10 + _FILE_WORK if path.endswith(pack_layers.STORED) else size + _FILE_WORK


def cache_folder() -> Path:
    """Return the folder of what builds share: below ``DEPLOYKIT_BUILD_CACHE``, else the user's cache.

    What another version of us packed lies apart: the same commit could give other bytes with it.
    """
    named = os.environ.get("DEPLOYKIT_BUILD_CACHE")
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return (Path(named) if named else Path(home) / "django-deploykit" / "build") / _stamp()


@functools.lru_cache(maxsize=1)
def _stamp() -> str:
    """Return a name for everything here that decides about the bytes of a layer's archive."""
    texts = [
        path.read_text(encoding="utf-8") for path in sorted(Path(__file__).parent.rglob("*.py"))
    ]
    return digest_of_text(zlib.ZLIB_RUNTIME_VERSION, *texts)[:12]


def layer_folder() -> Path:
    """Return the folder of the cached layers, made if need be."""
    folder = cache_folder() / "layers"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BundleError(
            f"the cache {folder} cannot be written: {error.strerror}",
            "Set DEPLOYKIT_BUILD_CACHE to a folder.",
        ) from None
    return folder


def judge_cached(digest: str, folder: Path) -> bool:
    """Whether a cached layer is whole; one that is not is thrown away."""
    paths = [folder / f"{digest}{end}" for end in _ENDS]
    try:
        good = pack_layers.file_digest(str(paths[0])) == paths[2].read_text(encoding="ascii")
    except OSError:
        good = False
    if not good:
        for path in paths:
            path.unlink(missing_ok=True)
    return good


def forget_unused(keep: Iterable[str]) -> None:
    """Mark the layers of this build as used, and remove those that no build used for long."""
    folder = layer_folder()
    for digest in keep:
        for end in _ENDS:
            (folder / f"{digest}{end}").touch()
    now = time.time()
    for path in folder.iterdir():
        limit = _UNUSED if path.suffix in _ENDS else _CUT_OFF
        try:
            if path.stat().st_mtime < now - limit:
                path.unlink()
        except FileNotFoundError:
            continue  # another build was faster
    _forget_versions(now)


def _forget_versions(now: float) -> None:
    """Remove what other versions of us left, where they have not built for long."""
    mine = cache_folder()
    os.utime(mine)
    for folder in mine.parent.iterdir():
        ours = _STAMP.match(folder.name) and (folder / "layers").is_dir()
        if ours and folder.stat().st_mtime < now - _UNUSED:
            shutil.rmtree(folder, ignore_errors=True)


def digest_of_text(*parts: str) -> str:
    """Return a key for a cache."""
    digest = hashlib.sha256()
    for part in parts:
        raw = part.encode("utf-8", "surrogateescape")
        digest.update(b"%d:" % len(raw) + raw)
    return digest.hexdigest()
