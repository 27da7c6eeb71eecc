"""Lock files that need no tool to be read: requirements files, with what they include, and pylock.toml."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from django_deploykit.bundle.locks.base import Requirement, parse_requirements
from django_deploykit.bundle.locks.pylock import read_pylock
from django_deploykit.errors import BundleError


def read_written(name: str, folder: Path) -> tuple[list[Requirement], list[str]]:
    """Return what a lock file in ``folder`` asks for, and the indexes that it names."""
    if name.endswith(".toml"):
        return read_pylock(_toml(folder / name), name), []
    options: list[str] = []
    return _with_includes(name, folder, set(), options), options


def _toml(path: Path) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        data: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BundleError(f"{path.name} is not TOML: {error}") from None
    return data


def _with_includes(
    name: str, folder: Path, seen: set[str], options: list[str]
) -> list[Requirement]:
    """Return a requirements file's requirements and those of the files that it includes."""
    if name in seen:
        return []
    seen.add(name)
    path = folder / name
    if not path.is_file() or not path.resolve().is_relative_to(folder.resolve()):
        raise BundleError(f"{name} is included but not in the commit")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise BundleError(f"{name} is not UTF-8: {error.reason} at byte {error.start}") from None
    parsed = parse_requirements(text, name)
    options += parsed.options
    found = parsed.requirements
    for other in parsed.included:
        inner = os.path.normpath(os.path.join(os.path.dirname(name), other))
        found += _with_includes(inner, folder, seen, options)
    return found
