"""Which settings a project uses, read from its files without importing them.

That is a module, and for django-configurations also a class of this module.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

MODULE_VARIABLE = "DJANGO_SETTINGS_MODULE"
CLASS_VARIABLE = "DJANGO_CONFIGURATION"  # only django-configurations reads it
_VALUE = r"""['"][\]\s,=]+['"]([\w.]+)['"]"""
_LINES = {name: re.compile(name + _VALUE) for name in (MODULE_VARIABLE, CLASS_VARIABLE)}


def default_settings(root: Path) -> str:
    """Return the settings module that manage.py names.

    If it names none, return DJANGO_SETTINGS_MODULE, or an empty string if that is not set.
    """
    return managed_settings(root) or os.environ.get(MODULE_VARIABLE, "")


def managed_settings(root: Path, variable: str = MODULE_VARIABLE) -> str:
    """Return the settings module (or the class) that manage.py names, or an empty string."""
    return _named_in(root / "manage.py", variable)


def served_settings(root: Path, variable: str = MODULE_VARIABLE) -> str:
    """Return the settings module (or the class) that wsgi.py or asgi.py names.

    Return an empty string if there is none or there are several.
    """
    found = {_named_in(path, variable) for path in application_files(root)} - {""}
    return found.pop() if len(found) == 1 else ""


def default_variables(root: Path) -> dict[str, str]:
    """Return the variables that manage.py sets to choose the settings."""
    found = {
        MODULE_VARIABLE: default_settings(root),
        CLASS_VARIABLE: managed_settings(root, CLASS_VARIABLE),
    }
    return {name: value for name, value in found.items() if value}


def application_files(root: Path) -> list[Path]:
    """Return each wsgi.py and asgi.py in the project's folder or one folder below it."""
    patterns = ("*/wsgi.py", "*/asgi.py", "wsgi.py", "asgi.py")
    return [path for pattern in patterns for path in sorted(root.glob(pattern))]


def named_settings(text: str, variable: str = MODULE_VARIABLE) -> str:
    """Return the value that Python code gives to a variable, or an empty string.

    >>> named_settings('os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")')
    'shop.settings'
    """
    match = _LINES[variable].search(text)
    return match[1] if match else ""


def _named_in(path: Path, variable: str) -> str:
    try:
        return named_settings(path.read_text(encoding="utf-8", errors="replace"), variable)
    except OSError:
        return ""
