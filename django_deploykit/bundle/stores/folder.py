"""The project's own folder of bundles, ``.deploykit/bundles/``."""

from __future__ import annotations

import re
from pathlib import Path

from django_deploykit.bundle.stores.base import Store
from django_deploykit.project import Project
from django_deploykit.runtime.bundle.signature import signature_path

_MOST = 10
_DATE = re.compile(r"(?<=[-_])[0-9]{8}(?:T[0-9]{6}|\.[0-9]{1,6})(?![0-9])")


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
    """Remove all but the newest files of the same project and format, and their signatures.

    Files that the user gave other names stay.
    """
    start = _before_date(path)
    own = [one for one in _files(project, path.suffix) if start and _before_date(one) == start]
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


def _before_date(path: Path) -> str:
    """Return what a name has before the date of its release, or an empty string without a date.

    >>> _before_date(Path("shop-20261101T041500-ab12cd3.pyz"))
    'shop-'
    >>> _before_date(Path("shop-20261101.41500+gab12cd3-py3-none-any.whl"))
    'shop-'
    """
    date = _DATE.search(path.name)
    return path.name[: date.start()] if date else ""
