"""A format for tests: a text with a greeting from deploykit.ini, and the manifest."""

from __future__ import annotations

import hashlib
from pathlib import Path

from django_deploykit.bundle.formats.base import Content, Format, Written
from django_deploykit.project.values import Keys
from django_deploykit.runtime.bundle.manifest import Manifest

KEYS: Keys = {"greeting": (str, "the first line")}


def name(manifest: Manifest) -> str:
    return f"{manifest.project}-{manifest.release_id}.txt"


def write(content: Content, path: Path) -> Written:
    greeting = content.options.get("greeting", "Hello")
    data = f"{greeting}\n{content.manifest.dumps()}".encode()
    path.write_bytes(data)
    return Written(hashlib.sha256(data).hexdigest(), len(data))


FORMAT = Format(name, write)
