"""A small repository, and what is exported of one."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.bundle.export import export
from django_deploykit.bundle.source import find_commit
from tests.projects import start_repository
from tests.wheels import write_tree


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository of one commit."""
    top = write_tree(tmp_path / "top", {"manage.py": "", "shop/a.txt": "a\n"})
    start_repository(top)
    return top


def exported(root: Path, target: Path, rev: str = "") -> dict[str, str]:
    """Export a project and return its files."""
    found, _ = find_commit(root, rev)
    export(found, target)
    folder = target / found.prefix
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }
