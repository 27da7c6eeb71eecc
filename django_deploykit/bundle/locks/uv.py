"""``uv.lock``, which uv exports as a requirements file. The export is cached."""

from __future__ import annotations

import os
import re
from pathlib import Path

from django_deploykit.bundle.build_cache import cache_key, cached_text, keep_text
from django_deploykit.bundle.locks.base import LockFile, Reader
from django_deploykit.bundle.locks.requirements import parse_requirements
from django_deploykit.bundle.run_uv import find_uv, run_uv

_EXPORT = "export --quiet --format requirements-txt --frozen --no-dev --no-emit-project --no-editable --no-header --no-annotate"


def read(folder: Path, name: str, extras: tuple[str, ...]) -> LockFile:
    """Return a ``uv.lock`` as a lock file, with the given extras of its project."""
    where = folder / os.path.dirname(name)
    words = [*_EXPORT.split(), *(word for extra in extras for word in ("--extra", extra))]
    key = _key(where, words)
    text = cached_text("locks", key)
    if text is None:
        text = run_uv(words, where, f"reading {name}")
        if str(where) not in text:
            keep_text("locks", key, text)
    return LockFile(name, tuple(parse_requirements(text, name).requirements))


READER = Reader(read, "uv lock", name="uv.lock", source="pyproject.toml", needs_tool=True)


def _key(where: Path, words: list[str]) -> str:
    """Return the cache key of uv's answer, a digest of everything that uv reads.

    uv reads the pyproject.toml of the project, and of each member that uv.lock names.
    """
    lock = _text(where / "uv.lock")
    names = sorted({"", *re.findall(r'(?:directory|editable|virtual) = "([^"]+)"', lock)})
    files = [_text(where / one / end) for one in names for end in ("pyproject.toml", "uv.toml")]
    settings = [f"{key}={os.environ[key]}" for key in sorted(os.environ) if key.startswith("UV_")]
    program = os.stat(find_uv())
    return cache_key(f"{program.st_size} {program.st_mtime_ns}", lock, *files, *words, *settings)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""
