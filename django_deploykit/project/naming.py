"""The project's name on hosts, derived from committed files only.

Neither the folder of a clone nor an exported variable counts: every clone gives the same name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from django_deploykit.project.toml import load_toml
from django_deploykit.runtime.base.documents import Document
from django_deploykit.runtime.base.names import valid_app

# Packages of settings that do not say which project they belong to.
_GENERIC = ("", "config", "conf", "settings", "project", "core")


def committed_name(root: Path, top: Path, modules: Iterable[str]) -> str:
    """Return a valid name, or an empty string if no committed file has one.

    ``modules`` are the settings modules that committed files name. Their package is the name.
    Otherwise it is the name in the pyproject.toml of ``root`` or of a folder above, up to ``top``.
    """
    packages = [module.partition(".")[0] if "." in module else "" for module in modules]
    own = next((one for one in packages if one.lower() not in _GENERIC), "")
    return as_name(own or _in_pyproject(root, top))


def as_name(text: str) -> str:
    """Return a text as a valid name. It is an empty string if the text is empty.

    >>> as_name("My Shop"), as_name("2024"), as_name("")
    ('my-shop', 'app-2024', '')
    """
    name = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:31].strip("-")
    if not name:
        return ""
    return name if valid_app(name) else f"app-{name}"[:31].strip("-")


def repository_of(root: Path) -> Path:
    """Return the nearest folder with ``.git``, or ``root`` if there is none."""
    return next((one for one in (root, *root.parents) if (one / ".git").exists()), root)


def _in_pyproject(root: Path, top: Path) -> str:
    """Return the name in the nearest pyproject.toml that has one, or an empty string."""
    for folder in (root, *root.parents):
        if not folder.is_relative_to(top):
            return ""
        data = _toml(folder / "pyproject.toml")
        for table in (data.get("project"), _table(data.get("tool")).get("poetry")):
            name = _table(table).get("name")
            if isinstance(name, str) and name:
                return name
    return ""


def _table(value: object) -> Document:
    return value if isinstance(value, dict) else {}


def _toml(path: Path) -> Document:
    """Return a TOML file's content. It is empty if there is no such file, or if it is not TOML.

    It is empty, too, if no TOML reader is installed: Python 3.10 has none.
    """
    if not path.is_file():
        return {}
    try:
        return load_toml(path)
    except (ImportError, OSError, ValueError):
        return {}
