"""The project's own folder of bundles, ``.deploykit/bundles/``."""

from __future__ import annotations

from pathlib import Path

from django_deploykit.bundle.stores.base import Store
from django_deploykit.project import Project
from django_deploykit.runtime.base.names import valid_release_id
from django_deploykit.runtime.bundle.signature import signature_path

_MOST = 10


def path(project: Project, name: str) -> Path:
    """Return the path of a bundle, and create ``.deploykit/``."""
    return project.work / "bundles" / name


def find(project: Project, name: str) -> Path | None:
    """Return the path of a bundle, or None if it does not exist."""
    found = project.root / ".deploykit" / "bundles" / name
    return found if found.is_file() else None


def bundles(project: Project) -> list[Path]:
    """Return the bundles, the newest last."""
    return _files(project, ".pyz")


def add(project: Project, path: Path) -> None:
    """Remove all but the newest bundles of the same project and suffix, and their signatures.

    Files that the user gave other names stay.
    """
    start = path.name.rpartition("-")[0].rpartition("-")[0] + "-"
    own = [one for one in _files(project, path.suffix) if _is_own(one, start)]
    for one in own[:-_MOST]:
        signature_path(one).unlink(missing_ok=True)
        one.unlink(missing_ok=True)


STORE = Store(path, add, find, bundles)


def _files(project: Project, suffix: str) -> list[Path]:
    found: list[tuple[int, Path]] = []
    for one in (project.root / ".deploykit" / "bundles").glob(f"*{suffix}"):
        try:
            found.append((one.stat().st_mtime_ns, one))
        except FileNotFoundError:
            continue  # another build removed it
    return [one for _, one in sorted(found)]


def _is_own(path: Path, start: str) -> bool:
    return path.stem.startswith(start) and valid_release_id(path.stem.removeprefix(start))
