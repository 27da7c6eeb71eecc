"""The names, texts and rows of wheels (pure)."""

from __future__ import annotations

import base64
import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django_deploykit.bundle.locks.base import Requirement, normal_name
from django_deploykit.runtime.bundle.manifest import FileEntry, Layer, Manifest

_USER = re.compile(r"(?<=://)[^/@\s]*@")


@dataclass(frozen=True)
class Member:
    """A file of a wheel: its row in a layer's list, or its content."""

    path: str
    mode: int
    size: int
    sha256: str  # in hex
    data: bytes | None = None  # None: the file is in a layer's archive


def wheel_version(release_id: str) -> str:
    """Return the version, by PEP 440, of a release's wheel. Versions sort as releases do.

    Index servers compare the parts of a version as numbers, so the time has no leading zeros.

    >>> wheel_version("20261123T041500-ab12cd3")
    '20261123.41500+gab12cd3'
    """
    moment, _, short = release_id.partition("-")
    day, _, time = moment.partition("T")
    return f"{int(day)}.{int(time)}+g{short}"


def wheel_project(manifest: Manifest) -> str:
    """Return the name of the project's own distribution; no locked distribution has it."""
    locked = {layer.name for layer in distributions(manifest)}
    return f"{manifest.project}-bundle" if manifest.project in locked else manifest.project


def package_name(manifest: Manifest) -> str:
    """Return the name of the only package in the project's wheel."""
    return f"{escaped(manifest.project)}_bundle"


def distributions(manifest: Manifest) -> list[Layer]:
    """Return the layers of locked distributions."""
    return [layer for layer in manifest.layers if layer.kind == "distribution"]


def escaped(name: str) -> str:
    """Return a distribution's name or version as names of files have it.

    >>> escaped("zope.interface"), escaped("my-shop")
    ('zope_interface', 'my_shop')
    """
    return re.sub(r"[-_.]+", "_", name).lower()


def metadata_text(manifest: Manifest) -> str:
    """Return METADATA of the project's wheel, which requires exactly the locked distributions."""
    rows = [
        "Metadata-Version: 2.1",
        f"Name: {wheel_project(manifest)}",
        f"Version: {wheel_version(manifest.release_id)}",
        f"Summary: {manifest.project}, release {manifest.release_id}",
        "Classifier: Framework :: Django",
        "Classifier: Private :: Do Not Upload",
        f"Requires-Python: =={manifest.python}.*",
        *(f"Requires-Dist: {one.name}=={one.version}" for one in distributions(manifest)),
        "Description-Content-Type: text/plain",
        "",
        f"{manifest.project} at commit {manifest.commit}, made by django-deploykit.",
    ]
    return "\n".join(rows) + "\n"


def wheel_text(tag: str = "py3-none-any") -> str:
    """Return WHEEL of a pure wheel. It names no tool with its version, which would change it."""
    return f"Wheel-Version: 1.0\nGenerator: django-deploykit\nRoot-Is-Purelib: true\nTag: {tag}\n"


def record_text(members: Iterable[Member], record: str) -> str:
    """Return RECORD, whose own path is ``record``."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for one in members:
        digest = base64.urlsafe_b64encode(bytes.fromhex(one.sha256)).rstrip(b"=").decode()
        writer.writerow((one.path, f"sha256={digest}", one.size))
    writer.writerow((record, "", ""))
    return out.getvalue()


def requirements_text(requirements: Sequence[Requirement], manifest: Manifest) -> str:
    """Return the locked requirements with their hashes. URLs are without user and password.

    Commits and folders have no hash, so pip would refuse them next to the others. They are comments.
    """
    of = f"{manifest.project} {manifest.release_id}, for Python {manifest.python}"
    rows = [f"# The locked dependencies of {of}."]
    versions = {layer.name: layer.version for layer in distributions(manifest)}
    for one in requirements:
        pinned = f"{one.distribution}=={versions.get(normal_name(one.distribution), '')}"
        text = pinned if one.local else _USER.sub("", one.text)
        if one.hashes:
            rows.append(" \\\n    ".join([text, *(f"--hash={digest}" for digest in one.hashes)]))
        else:
            rows.append(f"# without a hash, which pip would refuse: {text}")
    return "\n".join(rows) + "\n"


def member_of(entry: FileEntry, path: str) -> Member:
    """Return a layer's file with its path in a wheel."""
    return Member(path, entry.mode, entry.size, entry.sha256)
