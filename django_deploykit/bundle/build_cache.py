"""The cache that builds share: packed layers, and results that are slow to compute, as text."""

from __future__ import annotations

import functools
import hashlib
import os
import re
import shutil
import time
import zlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from django_deploykit.bundle.project_side.pack_layers import SUFFIXES, TAR_SUFFIXES
from django_deploykit.bundle.scratch import remove_abandoned, scratch
from django_deploykit.errors import BundleError
from django_deploykit.runtime.base.files import hash_file, write_and_replace
from django_deploykit.runtime.base.trusted_folders import is_root, is_trusted

_UNUSED = 60 * 24 * 3600  # seconds after which layers that no build used are removed
_MOST_TEXTS = 30  # of each kind, for all projects
_MOST_FILES = 6  # of each kind, for all projects; they are large
_STAMP = re.compile(r"[0-9a-f]{12}\Z")


def cache_folder() -> Path:
    """Return the cache's folder: below ``DEPLOYKIT_BUILD_CACHE``, or below the user's cache folder.

    Each version of this package has its own subfolder, because another version may pack the same
    files differently.
    """
    named = os.environ.get("DEPLOYKIT_BUILD_CACHE")
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    if is_root() and not is_trusted(os.path.abspath(home)):  # sudo kept a user's HOME
        home = os.path.expanduser("~root/.cache")
    return (Path(named) if named else Path(home) / "django-deploykit" / "build") / _stamp()


@functools.lru_cache(maxsize=1)
def _stamp() -> str:
    """Return 12 hexadecimal digits that change whenever layers may be packed differently."""
    paths = sorted(Path(__file__).parent.rglob("*.py"))
    texts = [path.read_text(encoding="utf-8") for path in paths]
    return cache_key(zlib.ZLIB_RUNTIME_VERSION, *texts)[:12]


def cache_key(*parts: str) -> str:
    """Return a key of 32 hexadecimal digits for everything that a cached result depends on."""
    digest = hashlib.sha256()
    for part in parts:
        raw = part.encode("utf-8", "surrogateescape")
        digest.update(b"%d:" % len(raw) + raw)
    return digest.hexdigest()[:32]


def cached_text(kind: str, key: str) -> str | None:
    """Return a cached text, or None if there is none or it is damaged."""
    path = cache_folder() / kind / key
    try:
        digest, _, raw = path.read_bytes().partition(b"\n")
        path.touch()
    except OSError:
        return None
    undamaged = hashlib.sha256(raw).hexdigest().encode("ascii") == digest
    return raw.decode("utf-8", "surrogateescape") if undamaged else None


def keep_text(kind: str, key: str, text: str) -> None:
    """Cache a text, and remove the least recently used ones of its kind."""
    folder = cache_folder() / kind
    folder.mkdir(parents=True, exist_ok=True)
    raw = text.encode("utf-8", "surrogateescape")
    write_and_replace(folder / key, hashlib.sha256(raw).hexdigest().encode("ascii") + b"\n" + raw)
    _keep_newest(folder, _MOST_TEXTS)


def cached_file(kind: str, key: str) -> Path | None:
    """Return the path of a cached file, or None if there is none."""
    path = cache_folder() / kind / key
    try:
        os.utime(path)
    except OSError:
        return None
    return path


def keep_file(kind: str, key: str, source: Path) -> None:
    """Cache a copy of a file, and remove the least recently used ones of its kind."""
    folder = cache_folder() / kind
    folder.mkdir(parents=True, exist_ok=True)
    remove_abandoned(folder)
    with scratch(folder) as place:
        shutil.copyfile(source, place / key)
        os.replace(place / key, folder / key)
    _keep_newest(folder, _MOST_FILES)


def may_reuse(*, fresh: bool) -> bool:
    """Whether a build may reuse what the project's own code gave before.

    Nothing is reused with ``fresh``, or while ``CI`` is set in the environment.
    """
    return not fresh and os.environ.get("CI", "").lower() in ("", "0", "false")


def _keep_newest(folder: Path, most: int) -> None:
    found = []
    for path in (one for one in folder.iterdir() if one.is_file()):
        with suppress(FileNotFoundError):  # another build removed it
            found.append((path.stat().st_mtime_ns, path))
    for _, path in sorted(found)[:-most]:
        path.unlink(missing_ok=True)


def keep_newest_folders(folder: Path, most: int) -> None:
    """Keep the most recently used folders in a folder, and remove what interrupted builds left."""
    remove_abandoned(folder)
    rows = []
    for path in folder.iterdir():
        with suppress(FileNotFoundError):  # another build removed it
            rows.append((path.stat().st_mtime_ns, path))
    for _, path in sorted(rows)[:-most]:
        shutil.rmtree(path, ignore_errors=True)


def layer_folder() -> Path:
    """Return the folder of the cached layers, created if necessary."""
    folder = cache_folder() / "layers"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BundleError(
            f"the cache {folder} cannot be written: {error.strerror}",
            "Set DEPLOYKIT_BUILD_CACHE to a folder.",
        ) from None
    return folder


def layer_paths(digest: str) -> list[Path]:
    """Return the files of a cached layer: archive, file list, and SHA-256 of the archive."""
    folder = layer_folder()
    tar = (folder / f"{digest}{TAR_SUFFIXES[0]}").exists()
    return [folder / f"{digest}{suffix}" for suffix in (TAR_SUFFIXES if tar else SUFFIXES)]


def is_cached(digest: str) -> bool:
    """Whether the cache holds every file of a layer."""
    return all(path.exists() for path in layer_paths(digest))


def verify_layer(digest: str) -> bool:
    """Whether a cached layer is undamaged. A damaged layer is removed."""
    archive, listing, checksum = layer_paths(digest)
    try:
        good = hash_file(archive) == checksum.read_text(encoding="ascii")
    except OSError:
        good = False
    if not good:
        for path in (archive, listing, checksum):
            path.unlink(missing_ok=True)
    return good


def validate_layers(digests: Iterable[str]) -> None:
    """Raise :class:`BundleError` for a damaged layer."""
    for digest in sorted(digests):
        if not verify_layer(digest):
            raise BundleError(
                f"the cached layer {digest[:12]} was damaged and has been removed",
                "Run the same command again.",
            )


def prune(used: Iterable[str]) -> None:
    """Mark this build's layers as used. Remove old layers, and the caches of unused versions."""
    for digest in used:
        for path in layer_paths(digest):
            path.touch()
    oldest = time.time() - _UNUSED
    folder = layer_folder()
    remove_abandoned(folder)
    for path in (one for one in folder.iterdir() if one.name.endswith((*SUFFIXES, *TAR_SUFFIXES))):
        with suppress(FileNotFoundError):  # another build removed it
            if path.stat().st_mtime < oldest:
                path.unlink()
    own = cache_folder()
    os.utime(own)
    for version in own.parent.iterdir():
        ours = _STAMP.match(version.name) and (version / "layers").is_dir()
        if ours and version.stat().st_mtime < oldest:
            shutil.rmtree(version, ignore_errors=True)
