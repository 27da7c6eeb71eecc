"""Which settings module a project uses, read from its files without importing them."""

from __future__ import annotations

import os
import re
from pathlib import Path

_SETTINGS = re.compile(r"""DJANGO_SETTINGS_MODULE['"]\s*,\s*['"]([\w.]+)['"]""")


def default_settings(root: Path) -> str:
    """Return the settings module that manage.py names.

    If it names none, return DJANGO_SETTINGS_MODULE, or an empty string if that is not set.
    """
    return managed_settings(root) or os.environ.get("DJANGO_SETTINGS_MODULE", "")


def managed_settings(root: Path) -> str:
    """Return the settings module that manage.py names, or an empty string."""
    return _named_in(root / "manage.py")


def served_settings(root: Path) -> str:
    """Return the settings module that wsgi.py or asgi.py names.

    Return an empty string if there is none or there are several.
    """
    found = {_named_in(path) for path in application_files(root)} - {""}
    return found.pop() if len(found) == 1 else ""


def application_files(root: Path) -> list[Path]:
    """Return each wsgi.py and asgi.py in the project's folder or one folder below it."""
    patterns = ("*/wsgi.py", "*/asgi.py", "wsgi.py", "asgi.py")
    return [path for pattern in patterns for path in sorted(root.glob(pattern))]


def _named_in(path: Path) -> str:
    try:
        match = _SETTINGS.search(path.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return ""
    return match[1] if match else ""
