"""The content of a bundle in any format, and the interface of formats."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from django_deploykit.runtime.bundle.manifest import Manifest


@dataclass(frozen=True)
class Content:
    """A bundle's content. The layers that ``manifest`` lists are in the build cache."""

    manifest: Manifest
    runtime: Mapping[str, bytes]  # the runtime's files, by path below runtime/
    files: Mapping[str, bytes]  # sample.ini, sbom.cdx.json


@dataclass(frozen=True)
class Format:
    """A format of bundles."""

    suffix: str  # of file names
    # Write a content to a path. Return the file's SHA-256 and its size in bytes. Equal contents
    # give equal bytes.
    write: Callable[[Content, Path], tuple[str, int]]
