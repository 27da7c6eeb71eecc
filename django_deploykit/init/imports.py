"""What a project needs that has never written it down: the packages of this environment it uses."""

from __future__ import annotations

import ast
import os
import re
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path

from django_deploykit.bundle.locks.base import normal_name
from django_deploykit.bundle.project_side.try_project import modules_of

_SKIPPED = re.compile(r"(?:\.|__pycache__|node_modules|site-packages|tests?$|migrations$|vendor$)")
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.\w+)*\Z")
# Modules that Django imports for a database, by the last part of its ENGINE.
_DRIVERS = {
    "postgresql": ("psycopg", "psycopg2"),
    "postgis": ("psycopg", "psycopg2"),
    "mysql": ("MySQLdb",),
}
_NEVER = {"django-deploykit", "pip", "setuptools", "wheel"}


def used_requirements(root: Path, django: str) -> list[str]:
    """Return requirements for what a project imports and names in its settings, as far as installed.

    Each accepts the installed version and its corrections. ``django`` is Django's version.
    """
    names = set(_iter_modules(root))
    found = {f"django~={django}"}
    for one in distributions():
        name = normal_name(one.name or "")
        if name and name != "django" and name not in _NEVER and modules_of(one) & names:
            found.add(_requirement(one, name))
    return sorted(found)


def _requirement(one: Distribution, name: str) -> str:
    """Return a requirement for an installed distribution and later corrections of its version."""
    match = re.match(r"\d+(?:\.\d+){1,2}", one.version)
    return f"{name}~={match[0]}" if match else name


def _iter_modules(root: Path) -> Iterator[str]:
    """Yield the top-level modules that a project's files use and do not contain."""
    own = {path.stem for path in root.iterdir()} | {"src"} | set(sys.stdlib_module_names)
    for path in _files(root):
        try:
            tree = ast.parse(path.read_bytes())
        except (OSError, SyntaxError, ValueError):
            continue
        in_settings = "settings" in path.stem or "settings" in path.parent.name
        for name in _names(tree, texts=in_settings):
            if name not in own:
                yield name


def _files(root: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(root):
        folders[:] = [
            one
            for one in folders
            if not _SKIPPED.match(one)
            and not os.path.exists(os.path.join(folder, one, "pyvenv.cfg"))
        ]
        for name in files:
            if name.endswith(".py") and not re.match(r"(?:test|conftest)", name):
                yield Path(folder, name)


def _names(tree: ast.Module, *, texts: bool) -> Iterable[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (one.name.partition(".")[0] for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]
        elif texts and isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from _named(node.value)


def _named(text: str) -> Iterator[str]:
    """Yield the modules that a text of the settings names: an app, a class, a database."""
    if _DOTTED.match(text):
        yield text.partition(".")[0]
        yield from _DRIVERS.get(text.rpartition(".")[2], ())
