"""What a project uses from its repository outside of its folder, which is not in the bundle."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from django_deploykit.bundle.source import Commit, git
from django_deploykit.errors import Problems

_MOST = 3  # folders that a hint names


def include_hint(module: str, commit: Commit) -> str:
    """Return how to get a missing module from the repository, or "" if it is not there."""
    name = module.partition(".")[0]
    found = find_module(name, commit.prefix, _files(commit))
    if not found:
        return ""
    places = " or ".join(os.path.relpath(path, commit.prefix) for path in found[:_MOST])
    return (
        f"{name} is in this repository, outside of the project's folder: {places}. Write "
        f"`include = {os.path.relpath(found[0], commit.prefix)}` in [bundle] of deploykit.ini to "
        "copy it into the bundle. If you mean a package of that name, add it to the lock file."
    )


def find_module(name: str, prefix: str, paths: Iterable[str]) -> list[str]:
    """Return the folders and files outside of ``prefix`` that are a module, the likeliest first.

    Packages come before other folders with Python files, and inner folders before outer ones of
    the same name.

    >>> find_module("common", "web/", ["common/a.py", "libs/common/common/__init__.py"])
    ['libs/common/common', 'common']
    """
    outside = {path for path in paths if prefix and not path.startswith(prefix)}
    single = {path for path in outside if PurePosixPath(path).name == f"{name}.py"}
    folders = {
        str(parent)
        for path in outside
        if path.endswith(".py")
        for parent in PurePosixPath(path).parents
        if parent.name == name
    }
    packages = {one for one in folders if f"{one}/__init__.py" in outside}
    inner = {one for one in folders if not any(other.startswith(f"{one}/") for other in folders)}
    chosen = single | packages | inner
    return sorted(chosen, key=lambda one: (one in inner - packages, one.count("/"), one))


def validate_folders(rows: Sequence[Sequence[str]], commit: Commit) -> None:
    """Raise :class:`Problems` for folders of the commit that settings name and the bundle lacks.

    Each row has a setting, and a folder relative to the project's.
    """
    paths = _files(commit) if rows else []
    bad, first = [], ""
    for setting, folder in rows:
        path = os.path.normpath(os.path.join(commit.prefix, folder))
        if any(one.startswith(f"{path}/") for one in paths):
            bad.append(f"{setting}: {folder}")
            first = first or folder
    if bad:
        name = os.path.basename(first)
        raise Problems(
            "settings name folders outside of the project's folder, which are not in the bundle:",
            bad,
            f"Write `include = {first}` in [bundle] of deploykit.ini: it is copied to {name} in the "
            f"project's folder. Then name that in the setting, too: BASE_DIR / {name!r}.",
        )


def _files(commit: Commit) -> list[str]:
    words = ("ls-tree", "-r", "-z", "--name-only", "--full-tree", commit.sha)
    return [path for path in git(commit.top, *words).split("\0") if path]
