"""The interface of stores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from django_deploykit.project import Project


@dataclass(frozen=True)
class Store:
    """A place that keeps a project's bundles by file name."""

    # Return the local path where the build writes the file of this name.
    path: Callable[[Project, str], Path]
    # Store the file that was written at this path, and remove bundles that are too old to keep.
    add: Callable[[Project, Path], None]
    # Return a local path of the file of this name, or None if the store does not have it.
    find: Callable[[Project, str], Path | None]
    # Return local paths of the bundles, the newest last.
    bundles: Callable[[Project], list[Path]]


def file_name(project: str, release_id: str) -> str:
    """Return the default file name of a bundle that can be released."""
    return f"{project}-{release_id}.pyz"
