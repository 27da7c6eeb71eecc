"""An OCI image in one file, written without a daemon."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from django_deploykit.bundle.formats.base import Content, Format, Written
from django_deploykit.errors import BundleError
from django_deploykit.runtime.bundle.manifest import Manifest

_WORD = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME = re.compile(rf"(?:[A-Za-z0-9.-]+(?::\d{{1,5}})?/)?{_WORD}(?:/{_WORD})*\Z")
_LONGEST_NAME = 200


class Named(NamedTuple):
    """A base as deploykit.ini names it: a path, and a digest in hex, which may be missing."""

    path: str
    digest: str


def read_named(text: str) -> Named:
    """Return the base that an option names; raises ValueError.

    >>> read_named("python.oci.tar@sha256:" + 64 * "0").path
    'python.oci.tar'
    """
    path, at, digest = text.partition("@sha256:")
    if not path or (at and not re.fullmatch(r"[0-9a-f]{64}", digest)):
        raise ValueError(f"must look like FILE@sha256:DIGEST, not {text!r}")
    return Named(path, digest)


def _name(text: str) -> str:
    if not is_valid_name(text):
        raise ValueError(
            f"must be the name of an image without a tag, as registry.example.com/shop, not {text!r}"
        )
    return text


def _health(text: str) -> str:
    if text and not re.fullmatch(r"/[!-~]{0,200}", text):
        raise ValueError(f"must be a path of the site, as /livez, not {text!r}")
    return text


def is_valid_name(text: str) -> bool:
    """Whether registries accept this name of an image."""
    return len(text) <= _LONGEST_NAME and bool(_NAME.match(text))


KEYS = {
    "base": (
        read_named,
        "the image to build on: an OCI archive or layout and its digest, FILE@sha256:DIGEST",
    ),
    "name": (_name, "the image's name, with its registry; default: the project's name"),
    "health": (
        _health,
        "the path that the image's health check requests, as /livez; default: it only connects",
    ),
}


def file_name(manifest: Manifest) -> str:
    """Return the default name of the file."""
    return f"{manifest.project}-{manifest.release_id}.oci.tar"


def write(content: Content, path: Path) -> Written:
    """Write an image at ``path``."""
    from django_deploykit.bundle.formats.oci_image import write_image  # only needed to build

    named, name = content.options.get("base"), content.options.get("name", content.manifest.project)
    if not isinstance(named, Named):
        raise BundleError(
            "an image needs a base image with Python, and deploykit.ini names none",
            "Write it: [format:oci] base = FILE@sha256:DIGEST. "
            "skopeo copy docker://python:3.13-slim oci-archive:FILE writes the file.",
        )
    if not is_valid_name(str(name)):
        raise BundleError(
            f"{name} is not a valid name of an image", "Set name in [format:oci] of deploykit.ini."
        )
    return write_image(content, path, named, str(name), str(content.options.get("health", "")))


FORMAT = Format(file_name, write)
