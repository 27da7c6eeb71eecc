"""What a project's ``pyproject.toml`` lets people choose: dependency groups and extras."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from django_deploykit.bundle.locks.base import Wanted, normal_name, read_toml
from django_deploykit.runtime.base.documents import Document


def project_table(path: Path, *names: str) -> Document:
    """Return a table of a TOML file. It is empty if the file or the table is missing."""
    found: object = read_toml(path) if path.is_file() else {}
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def left_out(path: Path, wanted: Wanted) -> tuple[str, ...]:
    """Return the names of the groups and extras that a project declares and a bundle lacks."""
    chosen = {normal_name(one) for one in (*wanted.groups, *wanted.extras)}
    names = dict.fromkeys(_iter_names(path))
    return tuple(one for one in names if normal_name(one) not in chosen)


def _iter_names(path: Path) -> Iterator[str]:
    yield from project_table(path, "dependency-groups")
    yield from project_table(path, "project", "optional-dependencies")
    poetry = project_table(path, "tool", "poetry")
    yield from (one for one in _table(poetry, "group") if one != "main")
    yield from ["dev"] if "dev-dependencies" in poetry else []  # the key of Poetry before 1.2
    yield from _table(poetry, "extras")
    yield from _table(project_table(path, "tool", "pdm"), "dev-dependencies")


def _table(data: Document, name: str) -> Document:
    found = data.get(name)
    return found if isinstance(found, dict) else {}
