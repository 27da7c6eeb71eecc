"""``pdm.lock``, which PDM exports as a ``pylock.toml``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from django_deploykit.bundle.locks.base import (
    LockFile,
    Reader,
    Wanted,
    named,
    validate_choice,
)
from django_deploykit.bundle.locks.choices import left_out, project_table
from django_deploykit.bundle.locks.indexes import Index, index_options
from django_deploykit.bundle.locks.pylock import read_text
from django_deploykit.bundle.locks.tools import Tool, export
from django_deploykit.runtime.base.documents import Document

# PDM's own dependencies are those that its extra pins: newer ones have broken it.
TOOL = Tool(
    "pdm",
    ("pdm[locked]>=2.24",),
    ("pyproject.toml", "pdm.toml"),
    {"PDM_CHECK_UPDATE": "0", "PDM_USE_VENV": "0", "PDM_IGNORE_SAVED_PYTHON": "1"},
)


def read(folder: Path, name: str, wanted: Wanted) -> LockFile:
    """Return a ``pdm.lock`` as a lock file: no group, and what is wanted.

    PDM's export as requirements refuses paths next to hashes, so that the other format is used.
    """
    # PDM takes all groups in place of one that it does not know.
    locked = project_table(folder / name, "metadata").get("groups", ())
    again = "Or lock it: pdm lock --group :all"
    groups = validate_choice(wanted.groups, locked, "group", name, again)
    extras = validate_choice(wanted.extras, locked, "extra", name, again)
    # Without an explicit group PDM takes all groups for development.
    words = ["export", "--format", "pylock", *([] if groups else ["--prod"])]
    words += [word for one in (*extras, *groups) for word in ("--group", one)]
    text = export(TOOL, folder, name, words, wanted)
    project = folder / os.path.dirname(name) / "pyproject.toml"
    lock = read_text(text, name, wanted)
    indexes = _indexes(project_table(project, "tool", "pdm").get("source", []))
    return replace(
        lock,
        requirements=tuple(named(lock.requirements, name)),
        options=(*lock.options, *index_options(indexes)),
        left_out=left_out(project, wanted),
    )


def _indexes(sources: list[Document]) -> Iterator[Index]:
    """Yield the sources. The one called ``pypi`` takes the place of the public index."""
    for one in sources:
        if one.get("type", "index") == "index":
            name = str(one.get("name", ""))
            yield Index(name, str(one.get("url", "")), name == "pypi")


READER = Reader(
    read,
    "pdm lock",
    name="pdm.lock",
    source="pyproject.toml",
    table="tool.pdm",
    pins="pdm export --prod --no-hashes",
    needs_tool=True,
)
