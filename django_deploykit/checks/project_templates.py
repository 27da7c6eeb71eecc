"""The templates of the project, and the engines that load them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.template import engines

from django_deploykit.checks.subject import Subject

_FOREIGN = ("node_modules", "site-packages", "cookiecutter", "bower_components", "__pycache__")


def iter_templates(subject: Subject) -> Iterator[tuple[str, str]]:
    """Yield the path and text of each of the project's templates that Django's loaders find.

    Folders of templates may overlap, or be the project itself: each file is yielded once, and what
    other tools keep in a project is not.
    """
    seen: set[Path] = set()
    for engine in _django_engines():
        for folder in _template_dirs(engine):
            if not subject.inside(folder) or "site-packages" in folder.parts:
                continue
            for path in sorted(folder.rglob("*")):
                if path not in seen and _is_template(path, folder):
                    seen.add(path)
                    yield str(path), path.read_text(encoding="utf-8", errors="replace")


def engines_of(path: str) -> list[Any]:
    """Return the engines that load a template: those with the nearest folder above it."""
    found: dict[int, list[Any]] = {}
    for engine in engines.all():
        above = [one for one in _template_dirs(engine) if Path(path).is_relative_to(one)]
        if above:
            found.setdefault(max(len(one.parts) for one in above), []).append(engine)
    nearest = found[max(found)] if found else []
    # A template of Jinja2 has another syntax.
    return nearest if all(hasattr(one, "engine") for one in nearest) else []


def _is_template(path: Path, folder: Path) -> bool:
    if path.suffix not in (".html", ".txt", ".xml", ".svg") or not path.is_file():
        return False
    parts = path.relative_to(folder).parts
    if any(part.startswith(".") or part in _FOREIGN for part in parts):
        return False
    if "templates" in folder.parts[-2:] or not (folder / "manage.py").exists():
        return True
    return "templates" in parts  # the project's own folder is in DIRS


def _django_engines() -> list[Any]:
    return [one for one in engines.all() if hasattr(one, "engine")]


def _template_dirs(engine: Any) -> list[Path]:
    """Return the absolute folders of an engine; settings may have relative ones."""
    return [Path(os.path.abspath(one)) for one in engine.template_dirs]
