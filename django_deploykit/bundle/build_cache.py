"""Texts that took long to make, kept in the build cache under everything that they were made from."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from django_deploykit.bundle.layers import cache_folder
from django_deploykit.bundle.project_side.pack_layers import replace

_KEPT = 30  # texts of each kind, of all projects


def read_kept(kind: str, key: str) -> str | None:
    """Return the text that is kept under a key, None where there is none."""
    path = _path(kind, key)
    try:
        text = path.read_text(encoding="utf-8")
        path.touch()
    except (OSError, UnicodeDecodeError):
        return None
    return text


def keep(kind: str, key: str, text: str) -> None:
    """Keep a text; those of its kind that were not used for longest go."""
    path = _path(kind, key)
    path.parent.mkdir(parents=True, exist_ok=True)
    replace(str(path), text.encode("utf-8", "surrogateescape"))
    _forget_old(path.parent)


def _path(kind: str, key: str) -> Path:
    return cache_folder() / kind / key


def _forget_old(folder: Path) -> None:
    found = []
    for path in folder.iterdir():
        with suppress(FileNotFoundError):  # another build was faster
            found.append((path.stat().st_mtime_ns, path))
    for _, path in sorted(found)[:-_KEPT]:
        path.unlink(missing_ok=True)
