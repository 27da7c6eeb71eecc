"""What loading the project finds out about it, as the scripts in this folder write it to a file.

The scripts import this file from their own folder, in the export. It needs only the standard
library.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class CollectionRecord:
    """How static files were collected, for a later build that collects only what changed.

    ``settings`` are the settings and options that the result depends on. ``roots`` has the prefix
    and the folder of all places of static files in the export. ``files`` has the source in the
    export by the name of a static file, and ``outside`` the names of packages' static files.
    ``references`` has the names that a static file refers to.
    """

    settings: str
    roots: tuple[tuple[str, str], ...]
    files: Mapping[str, str]
    outside: tuple[str, ...]
    references: Mapping[str, tuple[str, ...]]


@dataclass
class ProjectFacts:
    """Facts about a project; the project's side sets them stage by stage.

    If loading failed in a ``stage``, ``problem`` says why, ``where`` is the project's file and
    line, and ``missing`` the module that cannot be imported. Only ``try_project`` sets the first
    service that loading ``connects`` to, the ``hidden`` modules of distributions that are not
    locked, and the ``absent`` distributions.
    """

    stage: str = "manage.py"
    problem: str = ""
    where: str = ""
    hint: str = ""
    missing: str = ""
    connects: str = ""
    hidden: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    settings_module: str = ""
    wsgi: str = ""
    asgi: str = ""
    asgi_named: bool = False
    apps: tuple[str, ...] = ()
    static_root: str = ""
    remote_static: str = ""
    static_url: str = ""
    staticfiles: bool = False
    outside: tuple[tuple[str, str], ...] = ()  # settings and folders that they name
    required: tuple[str, ...] = ()
    sample: str = ""
    configs: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    collected: CollectionRecord | None = None

    def record_collecting(
        self,
        settings: str,
        roots: Iterable[tuple[str, str]],
        files: Mapping[str, str],
        outside: Iterable[str],
        references: Mapping[str, Iterable[str]],
    ) -> None:
        """Add the record of how static files were collected."""
        targets = {name: tuple(sorted(names)) for name, names in references.items()}
        self.collected = CollectionRecord(
            settings, tuple(roots), files, tuple(sorted(outside)), targets
        )

    def write(self, path: str) -> None:
        """Write the facts as JSON, completely or not at all."""
        with open(f"{path}.new", "w", encoding="utf-8") as file:
            json.dump(self, file, default=vars)
        os.replace(f"{path}.new", path)
