"""Every module has its unit tests under its name."""

from __future__ import annotations

import ast
import functools
import os
from pathlib import Path

import pytest

import django_deploykit

PACKAGE = Path(django_deploykit.__file__).parent
UNIT = Path(__file__).parent
# Modules that need none under their name, and why.
EXCEPTIONS: dict[str, str] = {
    "release/transports/identities.py": "a server's part: tests/integration/test_ssh_identities.py",
    "release/transports/login.py": "a server's part: tests/integration/test_ssh_login.py",
    "servers/daphne.py": "runs daphne: tests/integration/test_servers.py",
    "servers/gunicorn.py": "runs in gunicorn: tests/integration/test_servers.py",
    "servers/hypercorn.py": "runs hypercorn: tests/integration/test_servers.py",
    "servers/uvicorn.py": "runs uvicorn: tests/integration/test_servers.py",
}
# Modules without, still. A row goes when the tests are there.
GAPS: tuple[str, ...] = ("release/request.py",)


def files_of(module: str) -> list[Path]:
    """Return the test modules of a module: ``test_x.py``, and ``test_x_*.py`` where no module is so named."""
    path = PACKAGE / module
    name = path.parent.name if path.name == "__init__.py" else path.stem
    folder = UNIT / path.parent.relative_to(PACKAGE)
    others = {one.stem for one in path.parent.glob("*.py")}
    return [
        one
        for one in folder.glob(f"test_{name}*.py")
        if one.stem == f"test_{name}"
        or (one.stem.startswith(f"test_{name}_") and one.stem.removeprefix("test_") not in others)
    ]


def has_code(path: Path) -> bool:
    """Whether a module does more than document, import and name things."""
    plain = (ast.Import, ast.ImportFrom, ast.Expr, ast.Assign, ast.AnnAssign)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return any(not isinstance(node, plain) for node in tree.body)


@functools.cache
def modules() -> list[str]:
    """Return the path of each module that has code."""
    found = sorted(PACKAGE.rglob("*.py"))
    return [path.relative_to(PACKAGE).as_posix() for path in found if has_code(path)]


def test_every_module_has_tests_under_its_name() -> None:
    without = [one for one in modules() if not files_of(one)]
    assert [one for one in without if one not in EXCEPTIONS and one not in GAPS] == []


@pytest.mark.skipif(not os.environ.get("CI"), reason="rows are brought up to date before a merge")
def test_no_row_is_left_of_a_gap_that_was_closed() -> None:
    known = set(modules())
    rows = (*GAPS, *EXCEPTIONS)
    assert [one for one in rows if one not in known or files_of(one)] == []
