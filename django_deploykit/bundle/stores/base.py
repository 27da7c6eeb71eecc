"""What every store can do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from django_deploykit.project import Project


@dataclass(frozen=True)
class Store:
    """A place that keeps a project's bundles by file name."""

    # Return the local path to which the build writes the file of this name.
    path: Callable[[Project, str], Path]
    # Take the file that was written there, and drop what is too old to keep.
    add: Callable[[Project, Path], None]
    # Return a local path of the file of this name, None if the store does not have it.
    find: Callable[[Project, str], Path | None]
    # Return local paths of the bundles, the newest last.
    bundles: Callable[[Project], list[Path]]


def file_name(project: str, release_id: str, suffix: str = ".pyz") -> str:
    """Return the file name of a bundle that the user did not name."""
    return f"{project}-{release_id}{suffix}"
