"""Comparing a project's own wheel with the files that git tracks, and what to write for what it lacks."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from django_deploykit.bundle.source import some

_DATA = re.compile(r"[^/]+\.data/(?:purelib|platlib)/")
# Files of a package that no installation needs: tests, what git and people read, and sources.
_NOT_NEEDED = re.compile(
    r"(^|/)(tests?/|test_[^/]*\.py$|tests\.py$|conftest\.py$|\.[^/]*$|(README|LICENSE|CHANGELOG)[^/]*$)"
    r"|\.(pot|pyx|pxd|pyi|c|h|cpp)$|(^|/)__pycache__/"
)
_SETUPTOOLS = ("setuptools", "")
_MODULES = {  # where each backend has the list of packages
    "hatchling": "packages of [tool.hatch.build.targets.wheel]",
    "poetry": "packages of [tool.poetry]",
    "pdm": "includes of [tool.pdm.build]",
    "flit_core": "[tool.flit.module], which has one package",
    "uv_build": "module-name of [tool.uv.build-backend]",
}
_FILES = {  # the line that adds a pattern of files, and its place
    "hatchling": ("[tool.hatch.build.targets.wheel]", 'artifacts = ["{path}"]'),
    "poetry": ("[tool.poetry]", 'include = [{{path = "{path}", format = ["sdist", "wheel"]}}]'),
    "pdm": ("[tool.pdm.build]", 'includes = ["{path}"]'),
}
_MOST = 4  # lines of a hint


@dataclass(frozen=True)
class OwnFiles:
    """What a project's wheel should have, by paths relative to the folder of its pyproject.toml.

    ``tracked`` are the files that git tracks, ``modules`` the first names of the settings and the
    apps, ``folders`` those that the settings name, and ``prefix`` is the folder of manage.py.
    """

    tracked: frozenset[str]
    modules: tuple[str, ...]
    folders: tuple[str, ...] = ()
    prefix: str = ""


@dataclass(frozen=True)
class Lacking:
    """The tracked files that a wheel lacks: those of packages, and those of folders beside them."""

    inside: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.inside or self.beside)


def lacking(members: Iterable[str], own: OwnFiles) -> Lacking:
    """Return what a wheel with these members lacks. It is nothing if the project is not in the wheel."""
    has = frozenset(_DATA.sub("", one) for one in members)
    inside = {one.partition("/")[0].removesuffix(".py") for one in has}
    if not inside & set(own.modules):
        return Lacking()
    roots = _roots(has, own)
    found: set[str] = set()
    packages: list[str] = []
    for module in own.modules:
        root = next((one for one in roots if _is_module(one + module, own.tracked)), None)
        if root is not None:
            packages.append(f"{root}{module}")
            found |= {
                one for one in _files(root + module, own.tracked) if one[len(root) :] not in has
            }
    beside = [one for one in own.folders if not _is_below(one, packages)]
    others = {
        path for one in beside for path in _files(one, own.tracked) if not _ends(path, one, has)
    }
    return Lacking(_needed(found, has), _needed(others, has))


def _roots(has: Collection[str], own: OwnFiles) -> list[str]:
    """Return the folders that may have the packages, with a slash at the end; the likeliest first."""
    by_name: dict[str, list[str]] = {}
    for path in own.tracked:
        by_name.setdefault(path.rpartition("/")[2], []).append(path)
    counts: Counter[str] = Counter()
    for member in has:
        if member.endswith(".py"):
            rows = by_name.get(member.rpartition("/")[2], ())
            counts.update(row[: -len(member)] for row in rows if f"/{row}".endswith(f"/{member}"))
    common = [root for root, _ in counts.most_common()]
    return list(dict.fromkeys((*common, "", "src/", own.prefix, f"{own.prefix}src/")))


def _is_module(path: str, tracked: Collection[str]) -> bool:
    return f"{path}.py" in tracked or any(
        one.startswith(f"{path}/") and one.endswith(".py") for one in tracked
    )


def _is_below(path: str, folders: Iterable[str]) -> bool:
    return any(f"{path}/".startswith(f"{one}/") for one in folders)


def _files(path: str, tracked: Iterable[str]) -> Iterator[str]:
    """Yield the files of a folder or a module."""
    yield from (one for one in tracked if one.startswith(f"{path}/") or one == f"{path}.py")


def _ends(path: str, folder: str, has: Iterable[str]) -> bool:
    """Whether the wheel has a file of a folder, wherever it puts that folder."""
    name = os.path.relpath(path, os.path.dirname(folder) or ".")
    return any(f"/{one}".endswith(f"/{name}") for one in has)


def _needed(paths: Iterable[str], has: Collection[str]) -> tuple[str, ...]:
    """Return the files that a site needs, one of each folder first.

    A .po file is only needed if there is no .mo file, which Django loads.
    """
    rows = sorted(paths)
    compiled = {one.removesuffix(".mo") for one in (*rows, *has) if one.endswith(".mo")}

    def is_compiled(path: str) -> bool:
        name = path.removesuffix(".po")
        return path.endswith(".po") and any(f"/{name}".endswith(f"/{one}") for one in compiled)

    rows = [one for one in rows if not (_NOT_NEEDED.search(one) or is_compiled(one))]
    first = {os.path.dirname(one): one for one in reversed(rows)}.values()
    return tuple(dict.fromkeys((*sorted(first), *rows)))


def message(found: Lacking) -> str:
    """Return what is wrong with the wheel."""
    rows = (*found.inside, *found.beside)
    what = "a file that git tracks" if len(rows) == 1 else "files that git tracks"
    return f"the project's own wheel lacks {what}: {some(rows)}"


def hint(found: Lacking, tracked: Collection[str], backend: str, texts: Mapping[str, str]) -> str:
    """Return what to write so that the backend puts the files into the wheel.

    ``texts`` are the files that configure the backend, by name.
    """
    packages = {os.path.dirname(one) for one in tracked if one.endswith(".py")}
    code = sorted({os.path.dirname(one) for one in found.inside if one.endswith(".py")})
    data = dict.fromkeys(
        _pattern(one, packages) for one in found.inside if not _is_below(one, filter(None, code))
    )
    parts = [*_code_hints(code, tracked, backend), *_data_hints(list(data), backend, texts)]
    if found.beside:
        folders = sorted({one.partition("/")[0] for one in found.beside})
        parts.append(
            f"{some(folders)} {'is' if len(folders) == 1 else 'are'} in no package, "
            "and a wheel has only packages: move it into one"
        )
    return (
        ". ".join(parts)
        + ". Without that, bundle --format wheel writes a wheel with all tracked files."
    )


def _pattern(path: str, packages: Collection[str]) -> tuple[str, str]:
    """Return the folder directly in a package that has a file, or the file, and a pattern or "".

    >>> _pattern("shop/templates/shop/a.html", {"shop"}), _pattern("shop/a.json", {"shop"})
    (('shop/templates', '*'), ('shop/a.json', ''))
    """
    parents = [str(one) for one in PurePosixPath(path).parents]
    package = next((one for one in parents if one in packages), "")
    place = parents.index(package) if package in parents else 0
    return (parents[place - 1], "*") if place else (path, "")


def _code_hints(folders: Sequence[str], tracked: Collection[str], backend: str) -> Iterator[str]:
    """Yield what to do about folders with modules that the wheel lacks."""
    bare = [one for one in folders if f"{one}/__init__.py" not in tracked]
    if bare and backend in _SETUPTOOLS:
        yield f"Add {some([f'{one}/__init__.py' for one in bare])}"
        folders = [one for one in folders if one not in bare]
    if folders:
        place = _MODULES.get(backend, f"the packages of {backend}")
        if backend in _SETUPTOOLS:
            place = "packages, or let setuptools find them (packages.find, find_packages)"
        yield f"Add {some(folders)} to {place}"


def _data_hints(
    patterns: Sequence[tuple[str, str]], backend: str, texts: Mapping[str, str]
) -> Iterator[str]:
    """Yield the lines that add files which are not modules."""
    if not patterns:
        return
    shown, more = patterns[:_MOST], ", …" if len(patterns) > _MOST else ""
    if backend in _SETUPTOOLS:
        lines = [f"recursive-include {one} *" if star else f"include {one}" for one, star in shown]
        yield f"Add to MANIFEST.in: {'; '.join(lines)}{more}"
        if not _includes_data(texts):
            yield "Set include_package_data, so that setuptools reads MANIFEST.in for wheels"
        return
    paths = [f"{one}/**/*" if star else one for one, star in shown]
    if backend in _FILES:
        place, line = _FILES[backend]
        yield f"Add to {place} of pyproject.toml: {line.format(path=paths[0])}" + (
            f", and {', '.join(paths[1:])}{more}" if paths[1:] else ""
        )
    else:
        yield f"Configure {backend} to include {', '.join(paths)}{more}"


def _includes_data(texts: Mapping[str, str]) -> bool:
    """Whether setuptools takes data files from MANIFEST.in: by default with [project] only."""
    pyproject = texts.get("pyproject.toml", "")
    said = re.search(r"^\s*include-package-data\s*=\s*(\w+)", pyproject, re.MULTILINE)
    if said:
        return said[1] == "true"
    others = texts.get("setup.cfg", "") + texts.get("setup.py", "")
    written = re.search(r"include_package_data\s*=\s*(\w+)", others)
    return written[1].lower() == "true" if written else "[project]" in pyproject
