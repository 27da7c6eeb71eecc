"""The bundles that lie beside the project, in ``.deploykit/bundles/``: where, and how many stay."""

from __future__ import annotations

from pathlib import Path

from django_deploykit.project import Project
from django_deploykit.runtime.base.names import valid_release_id
from django_deploykit.runtime.bundle.signature import beside

_MOST = 10


def file_name(name: str, release_id: str) -> str:
    """Return what a bundle is called that nobody gave another name."""
    return f"{name}-{release_id}.pyz"


def kept_path(project: Project, name: str, release_id: str) -> Path:
    """Return where a bundle lies that nobody named another place for; ``.deploykit/`` is made."""
    return project.work / "bundles" / file_name(name, release_id)


def kept_bundles(project: Project) -> list[Path]:
    """Return the bundles that lie there, the newest last."""
    found: list[tuple[int, Path]] = []
    for path in (project.root / ".deploykit" / "bundles").glob("*.pyz"):
        try:
            found.append((path.stat().st_mtime_ns, path))
        except FileNotFoundError:
            continue  # another build removed it
    return [path for _, path in sorted(found)]


def forget_old(project: Project, name: str) -> None:
    """Remove all but the newest bundles of this name, with their signatures.

    A file that somebody named otherwise is theirs, and stays.
    """
    own = [path for path in kept_bundles(project) if _is_own(path, name)]
    for path in own[:-_MOST]:
        beside(path).unlink(missing_ok=True)
        path.unlink(missing_ok=True)


def _is_own(path: Path, name: str) -> bool:
    start = f"{name}-"
    return path.stem.startswith(start) and valid_release_id(path.stem.removeprefix(start))
