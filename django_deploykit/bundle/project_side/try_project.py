"""Loads the project as ``ask_project`` does, with the packages of the developer's environment.

Usage: ``python try_project.py ANSWER PLACE REQUEST``, in an export of the project's tracked files.
REQUEST is a JSON file with the fields of ``trial.Request``. Packages that are not locked cannot be
imported, and nothing is connected to. Then the URLs and the applications are loaded, which a build
does not do, but every release. This file imports only Django and the standard library.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.machinery
import importlib.metadata
import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

    from django_deploykit.bundle.project_side.project_facts import ProjectFacts


class ServiceNeededError(OSError):
    """Loading the project connects to a service."""


class Filtered:
    """A finder of modules that does not find the ``hidden`` ones, except in the project."""

    def __init__(self, finder: Any, hidden: Iterable[str], folder: str) -> None:
        self._finder, self._hidden, self._folder = finder, frozenset(hidden), folder

    def __getattr__(self, name: str) -> object:
        return getattr(self._finder, name)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return the spec of a module, or None."""
        if path is not None or name not in self._hidden:
            found: importlib.machinery.ModuleSpec | None = self._finder.find_spec(
                name, path, target
            )
            return found
        own = [one for one in sys.path if is_below(one, self._folder)]
        return importlib.machinery.PathFinder.find_spec(name, own, target)


def is_below(path: str, folder: str) -> bool:
    """Whether a path is a folder or below it."""
    return os.path.join(os.path.realpath(path), "").startswith(os.path.join(folder, ""))


def hidden_modules(locked: Iterable[str]) -> tuple[set[str], set[str]]:
    """Return the installed top-level modules that no locked distribution has.

    Return also the names of the locked distributions that are not installed here. A distribution
    whose name begins with one of these counts as locked: psycopg2-binary replaces psycopg2.
    """
    owners: dict[str, set[str]] = {}
    installed = set()
    for one in importlib.metadata.distributions():
        name = normal(one.metadata["Name"] or "")
        installed.add(name)
        for module in modules_of(one):
            owners.setdefault(module, set()).add(name)
    known = set(locked)
    absent = known - installed
    hidden = {
        module
        for module, names in owners.items()
        if not any(one in known or _stands_for(one, absent) for one in names)
    }
    return hidden, absent


def modules_of(distribution: importlib.metadata.Distribution) -> set[str]:
    """Return the top-level modules of a distribution.

    ``packages_distributions`` of Python 3.10 only knows modules that ``top_level.txt`` lists.
    """
    listed = (distribution.read_text("top_level.txt") or "").split()
    parts = [file.parts for file in ([] if listed else distribution.files or [])]
    found = (row[0].partition(".")[0] for row in parts if len(row) > 1 or row[0].endswith(".py"))
    return {one for one in (*listed, *found) if one.isidentifier()}


def normal(name: str) -> str:
    """Return a distribution's name in the normal form."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _stands_for(name: str, absent: Iterable[str]) -> bool:
    return any(name.startswith(f"{one}-") or one.startswith(f"{name}-") for one in absent)


def hide(request: dict[str, Any], folder: str, facts: ProjectFacts) -> None:
    """Hide packages that are not locked, and the working copy if an editable install shows it."""
    sys.path[:] = [
        one
        for one in sys.path
        if is_below(one, folder)
        or is_below(one, os.path.realpath(sys.prefix))
        or not is_below(one, request["top"])
        or any(is_below(one, kept) for kept in request["local"])
    ]
    if request["locked"] is None:
        return
    hidden, absent = hidden_modules(request["locked"])
    facts.hidden, facts.absent = tuple(sorted(hidden)), tuple(sorted(absent))
    builtin = (importlib.machinery.BuiltinImporter, importlib.machinery.FrozenImporter)
    sys.meta_path[:] = [
        one if one in builtin else Filtered(one, hidden, folder) for one in sys.meta_path
    ]


def refuse_connections(facts: ProjectFacts) -> None:
    """Make connections of sockets and of Django's databases fail, and record that."""

    def refuse(what: str) -> None:
        facts.connects = facts.connects or what
        raise ServiceNeededError(f"loading the project connects to {what}")

    def hook(event: str, args: Sequence[Any]) -> None:
        if event == "socket.connect":
            address = args[1]
            refuse(str(address[0] if isinstance(address, tuple) else address))

    def connect(self: BaseDatabaseWrapper) -> None:
        refuse(f"the database {self.alias}")

    sys.addaudithook(hook)
    with contextlib.suppress(ImportError):  # ask_project reports that Django is missing
        from django.db.backends.base.base import BaseDatabaseWrapper

        BaseDatabaseWrapper.connect = connect  # type: ignore[method-assign]


def load_rest(facts: ProjectFacts, applications: Iterable[str]) -> None:
    """Load the URLs and the applications, such as ``shop.wsgi:application``."""
    from django.urls import get_resolver

    facts.stage = "urls"
    _ = get_resolver().url_patterns
    facts.stage = "applications"
    for text in applications:
        module, _, name = text.partition(":")
        found: object = importlib.import_module(module)
        for part in filter(None, name.partition("(")[0].split(".")):
            found = getattr(found, part)


def main(answer: str, place: str, asked: str) -> None:
    """Load the project, and write the answer."""
    import ask_project  # type: ignore[import-not-found]  # next to this script
    import project_facts  # type: ignore[import-not-found]

    # A project may have modules of these names.
    del sys.modules["ask_project"], sys.modules["project_facts"]
    with open(asked, encoding="utf-8") as file:
        request = json.load(file)
    folder = os.path.realpath(os.getcwd())
    sys.path[0] = os.getcwd()  # in place of this file's folder
    facts: ProjectFacts = project_facts.ProjectFacts()
    hide(request, folder, facts)
    refuse_connections(facts)
    inside = ask_project.Inside(place)

    def work() -> None:
        ask_project.gather(facts)
        applications = request["applications"] or [facts.wsgi or facts.asgi]
        load_rest(facts, filter(None, applications))
        if request["collecting"]:
            facts.stage = "collectstatic"
            facts.write(answer)  # in case it takes too long
            ask_project.collect_files(facts, inside)
        facts.stage = "done"

    ask_project.recorded(
        facts, lambda: ask_project.as_manage_py(lambda: ask_project.recorded(facts, work))
    )
    facts.write(answer)


if __name__ == "__main__":
    main(*sys.argv[1:])
