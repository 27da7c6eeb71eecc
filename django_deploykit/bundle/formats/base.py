"""The content of a bundle in any format, and the interface of formats."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from django_deploykit.bundle.locks.base import Requirement
from django_deploykit.project.formats import FORMATS
from django_deploykit.runtime.bundle.manifest import Manifest


@dataclass(frozen=True)
class Content:
    """A bundle's content. The layers that ``manifest`` lists are in the build cache.

    ``options`` are the values of [format:NAME] in ``deploykit.ini``, by key. Paths in them are
    relative to ``folder``, the project's folder.
    """

    manifest: Manifest
    runtime: Mapping[str, bytes]  # the runtime's files, by path below runtime/
    files: Mapping[str, bytes]  # sample.ini, sbom.cdx.json
    options: Mapping[str, object] = field(default_factory=dict)
    requirements: Sequence[Requirement] = ()  # of the lock file, for the bundle's Python
    folder: Path = Path()


class Written(NamedTuple):
    """A written file: its SHA-256 in hex, and its size in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True)
class Format:
    """A format of bundles."""

    # Return the default name of the file. It has the date of the release id, so that a store
    # recognizes files of older releases.
    file_name: Callable[[Manifest], str]
    # Write a content to a path. Equal contents give equal bytes.
    write: Callable[[Content, Path], Written]


def find_format(name: str) -> Format:
    """Return a format by its name in the table."""
    found: Format = import_module(FORMATS[name]).FORMAT
    return found
