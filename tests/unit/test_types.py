"""How often code says ``Any``, which turns the type checker off.

Use ``object`` for what is only passed on, a dataclass for data with known fields, and ``Document``
(``runtime/base/documents.py``) for parsed JSON or TOML of other programs.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
# The most lines of each folder. Lower a number when fewer are needed.
MOST = {"django_deploykit": 95, "tests": 125, "benchmarks": 5}


def count(folder: Path) -> int:
    """Return how many lines below a folder use ``Any``; imports do not count."""
    lines = set()
    for path in folder.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)) if "Any" in text else ():
            if isinstance(node, ast.Name) and node.id == "Any":
                lines.add((path, node.lineno))
    return len(lines)


@pytest.mark.parametrize("folder", MOST)
def test_any_is_rare(folder: str) -> None:
    assert count(TOP / folder) <= MOST[folder]
