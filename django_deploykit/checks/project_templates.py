"""The templates of the project, and the engines that load them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from django.template import engines
from django.template.backends.base import BaseEngine

from django_deploykit.checks.subject import Subject

_FOREIGN = ("node_modules", "site-packages", "cookiecutter", "bower_components", "__pycache__")
_SUFFIXES = (".html", ".txt", ".xml", ".svg")


def iter_templates(subject: Subject) -> Iterator[tuple[str, str]]:
    """Yield the path and text of each of the project's templates that Django's loaders find.

    Folders of templates may overlap, or be the project itself: each file is yielded once, and what
    other tools keep in a project is not.
    """
    for path in subject.once("templates", lambda: list(_paths(subject))):
        yield path, Path(path).read_text(encoding="utf-8", errors="replace")


def engines_of(path: str) -> list[BaseEngine]:
    """Return the engines that load a template, or those of a folder: with the nearest one above it."""
    found: dict[int, list[BaseEngine]] = {}
    for engine in engines.all():
        above = [one for one in _template_dirs(engine) if Path(path).is_relative_to(one)]
        if above:
            found.setdefault(max(len(one.parts) for one in above), []).append(engine)
    nearest = found[max(found)] if found else []
    # A template of Jinja2 has another syntax.
    return nearest if all(hasattr(one, "engine") for one in nearest) else []


def _paths(subject: Subject) -> Iterator[str]:
    """Yield the paths of the project's templates."""
    seen: set[str] = set()
    for engine in _django_engines():
        for folder in _template_dirs(engine):
            if not subject.inside(folder) or "site-packages" in folder.parts:
                continue
            found = sorted(set(_files_below(folder)) - seen, key=lambda path: path.split(os.sep))
            seen.update(found)
            yield from found


def _files_below(folder: Path) -> Iterator[str]:
    """Yield the paths of templates in a folder of templates, which may be the project's own folder."""
    everywhere = "templates" in folder.parts[-2:] or not (folder / "manage.py").exists()
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not _is_foreign(name)]
        if everywhere or "templates" in Path(place).relative_to(folder).parts:
            for name in names:
                path = os.path.join(place, name)
                if name.endswith(_SUFFIXES) and not _is_foreign(name) and os.path.isfile(path):
                    yield path


def _is_foreign(name: str) -> bool:
    return name.startswith(".") or name in _FOREIGN


def _django_engines() -> list[BaseEngine]:
    return [one for one in engines.all() if hasattr(one, "engine")]


def _template_dirs(engine: BaseEngine) -> list[Path]:
    """Return the absolute folders of an engine; settings may have relative ones."""
    return [Path(os.path.abspath(one)) for one in engine.template_dirs]
