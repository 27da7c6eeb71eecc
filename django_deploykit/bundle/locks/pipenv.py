"""``Pipfile.lock``, which Pipenv exports."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from django_deploykit.bundle.locks.base import LockFile, Reader, Wanted, validate_choice
from django_deploykit.bundle.locks.indexes import Index
from django_deploykit.bundle.locks.tools import Tool, export, read_export
from django_deploykit.errors import BundleError
from django_deploykit.runtime.base.documents import Document

TOOL = Tool(
    "pipenv",
    ("pipenv>=2024",),
    ("Pipfile",),
    {
        "PIPENV_IGNORE_VIRTUALENVS": "1",
        "PIPENV_NOSPIN": "1",
        "PIPENV_YES": "1",
        "PIPENV_VENV_IN_PROJECT": "1",
    },
)
_NAMES = {"default": "packages", "develop": "dev-packages"}  # of Pipfile.lock, and of a Pipfile


def read(folder: Path, name: str, wanted: Wanted) -> LockFile:
    """Return a ``Pipfile.lock`` as a lock file: ``[packages]``, and the categories in ``groups``."""
    data = _load(folder / name)
    categories = {_NAMES.get(key, key): key for key in data if key != "_meta"}
    if wanted.extras:
        raise BundleError(
            f"{name} has no extras",
            "Remove `extras`, or name categories of the Pipfile in `groups`.",
        )
    groups = validate_choice(wanted.groups, categories, "category", name)
    chosen = ["packages", *groups]
    words = ["requirements", "--hash", "--exclude-index", "--categories", " ".join(chosen)]
    text = export(TOOL, folder, name, words, wanted)
    skipped = [key for key in categories if key not in chosen and data[categories[key]]]
    return read_export(text, name, _indexes(data), skipped)


def _load(path: Path) -> Document:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{path.name} is not JSON: {error}") from None
    if not isinstance(data, dict) or not isinstance(data.get("_meta", {}), dict):
        raise BundleError(f"{path.name} is not a lock file of Pipenv")
    return data


def _indexes(data: Document) -> Iterator[Index]:
    """Yield the sources. The first one is the default, as for Pipenv."""
    for number, one in enumerate(data.get("_meta", {}).get("sources", [])):
        yield Index(str(one.get("name", "")), str(one.get("url", "")), number == 0)


READER = Reader(
    read,
    "pipenv lock",
    name="Pipfile.lock",
    source="Pipfile",
    pins="pipenv requirements",
    needs_tool=True,
)
