"""The commands of a project, found in the files of its apps, without importing them."""

from __future__ import annotations

import difflib
import importlib.util
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

OURS = ("deploy_check", "bundle", "release")


def misspelt(name: str, apps: Iterable[str]) -> str:
    """Return an error for a command that does not exist but is close to one, or an empty string.

    ``apps`` are those of INSTALLED_APPS.
    """
    from django.core import management

    known = {*management.find_commands(management.__path__[0])}
    for app in apps:
        known.update(_iter_commands(str(app)))
    found = [] if name in known else difflib.get_close_matches(name, sorted(known), 1)
    return f"there is no command {name!r}; did you mean {found[0]!r}?" if found else ""


def _iter_commands(app: str) -> Iterator[str]:
    """Yield the commands of an app: a package, or the dotted path of an AppConfig in it."""
    from django.core.management import find_commands

    first, *parts = app.split(".")
    try:
        spec = importlib.util.find_spec(first)  # finds a top-level package, imports nothing
    except (ImportError, ValueError):
        return
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for length in range(len(parts) + 1):
            path = Path(folder, *parts[:length], "management")
            if path.is_dir():
                yield from find_commands(os.fspath(path))
