"""``poetry.lock``, which Poetry exports with its plugin."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from django_deploykit.bundle.locks.base import LockFile, Reader, Wanted
from django_deploykit.bundle.locks.choices import left_out, project_table
from django_deploykit.bundle.locks.indexes import Index
from django_deploykit.bundle.locks.tools import Tool, export, read_export
from django_deploykit.runtime.base.documents import Document

TOOL = Tool(
    "poetry",
    ("poetry>=2", "poetry-plugin-export>=1.9"),
    ("pyproject.toml", "poetry.toml"),
    {
        "POETRY_VIRTUALENVS_CREATE": "false",
        "POETRY_NO_INTERACTION": "1",
        "PYTHONWARNINGS": "ignore",
    },
)


def read(folder: Path, name: str, wanted: Wanted) -> LockFile:
    """Return a ``poetry.lock`` as a lock file: the main group, and what is wanted besides."""
    words = ["export", "--format", "requirements.txt", "--without-urls"]
    words += ["--only", ",".join(["main", *wanted.groups])]
    words += [word for extra in wanted.extras for word in ("--extras", extra)]
    text = export(TOOL, folder, name, words, wanted)
    project = folder / os.path.dirname(name) / "pyproject.toml"
    sources = project_table(project, "tool", "poetry").get("source", [])
    return read_export(text, name, _indexes(sources), left_out(project, wanted))


def _indexes(sources: list[Document]) -> Iterator[Index]:
    """Yield the sources. A primary one takes the place of the public index, as Poetry does it."""
    default = True
    for one in sources:
        primary = str(one.get("priority", "primary")).lower() in ("primary", "default")
        yield Index(str(one.get("name", "")), str(one.get("url", "")), primary and default)
        default = default and not primary


READER = Reader(
    read,
    "poetry lock",
    name="poetry.lock",
    source="pyproject.toml",
    table="tool.poetry",
    pins="poetry export --without-hashes",
    needs_tool=True,
)
