"""``uv.lock``, which uv exports as a requirements file. The export is cached."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from django_deploykit.bundle.build_cache import cache_key, cached_text, keep_text
from django_deploykit.bundle.locks.base import (
    LockFile,
    Reader,
    Wanted,
    named,
    normal_name,
    text_of,
)
from django_deploykit.bundle.locks.choices import left_out, project_table
from django_deploykit.bundle.locks.pylock import UV_PINS
from django_deploykit.bundle.locks.requirements import parse_requirements
from django_deploykit.bundle.run_uv import find_uv, run_uv

_EXPORT = "export --quiet --format requirements-txt --frozen --no-default-groups --no-emit-project --no-editable --no-header --no-annotate"
_FILES = ("pyproject.toml", "uv.toml")


def read(folder: Path, name: str, wanted: Wanted) -> LockFile:
    """Return a ``uv.lock`` as a lock file, with what is wanted of the project's own package."""
    where = folder / os.path.dirname(name)
    words = [*_EXPORT.split(), *_member(where, wanted.project or where)]
    words += [word for extra in wanted.extras for word in ("--extra", extra)]
    words += [word for group in wanted.groups for word in ("--group", group)]
    folders = [where, *(where / one for one in _local(where))]
    key = _key(where, words, folders)
    text = cached_text("locks", key)
    if text is None:
        text = run_uv(words, where, f"reading {name}")
        if str(where) not in text:
            keep_text("locks", key, text)
    options = tuple(_indexes(where, folders))
    rows = named(parse_requirements(text, name).requirements, name)
    project = _nearest(where, wanted.project or where) / "pyproject.toml"
    return LockFile(name, tuple(rows), options, left_out(project, wanted))


READER = Reader(
    read,
    "uv lock",
    name="uv.lock",
    source="pyproject.toml",
    table="project",
    pins=UV_PINS,
    needs_tool=True,
)


def _member(where: Path, project: Path) -> list[str]:
    """Return the option that selects the workspace member to which the project belongs."""
    near = _nearest(where, project)
    if near == where:
        return []
    name = normal_name(str(project_table(near / "pyproject.toml", "project").get("name", "")))
    return (
        ["--package", name]
        if name in project_table(where / "uv.lock", "manifest").get("members", [])
        else []
    )


def _nearest(where: Path, project: Path) -> Path:
    """Return the nearest folder with a ``pyproject.toml``, up to the lock file's folder."""
    folders = [one for one in (project, *project.parents) if one.is_relative_to(where)]
    return next((one for one in folders if (one / "pyproject.toml").is_file()), where)


def _indexes(where: Path, folders: list[Path]) -> Iterator[str]:
    """Yield options for the indexes of uv.lock that the project declares.

    uv does not look in an index that is explicit, or that a member declares, unless it is named.
    """
    declared = set()
    for path in (folder / name for folder in folders for name in _FILES):
        names = ("tool", "uv") if path.name == "pyproject.toml" else ()
        tool = project_table(path, *names)
        declared |= {str(one.get("url", "")) for one in tool.get("index", [])}
    known = {_plain(url) for url in declared}
    sources = re.findall(r'source = \{ registry = "([^"]+)"', text_of(where / "uv.lock"))
    for one in dict.fromkeys(sources):
        if _plain(one) in known or ("://" not in one and (where / one).is_dir()):
            yield f"{'--extra-index-url' if '://' in one else '--find-links'} {one}"


def _plain(url: str) -> str:
    """Return an index without what uv.lock may write differently: password, last slash, ``./``."""
    if "://" not in url:
        return os.path.normpath(url)
    return re.sub(r"//[^/@]*@", "//", url).rstrip("/")


def _local(where: Path) -> list[str]:
    """Return the folders of the packages that uv.lock takes from the repository."""
    found = re.findall(r'(?:directory|editable|virtual) = "([^"]+)"', text_of(where / "uv.lock"))
    return sorted(set(found) - {"."})


def _key(where: Path, words: list[str], folders: list[Path]) -> str:
    """Return the cache key of uv's answer, a digest of everything that uv reads."""
    files = [text_of(folder / name) for folder in folders for name in _FILES]
    settings = [f"{key}={os.environ[key]}" for key in sorted(os.environ) if key.startswith("UV_")]
    program = os.stat(find_uv())
    lock = text_of(where / "uv.lock")
    return cache_key(f"{program.st_size} {program.st_mtime_ns}", lock, *files, *words, *settings)
