"""Finding, reading and validating a project's lock file.

All file names and hints come from ``READERS``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from django_deploykit.bundle.export import bring
from django_deploykit.bundle.locks import READERS
from django_deploykit.bundle.locks.base import (
    LockFile,
    Reader,
    Wanted,
    iter_lock_problems,
    text_of,
)
from django_deploykit.bundle.locks.completeness import deploykit_problem
from django_deploykit.bundle.locks.making import OURS, compiled, how_to_make, source_names
from django_deploykit.bundle.locks.plugins import (
    missing_plugins,
    moved,
    plugins_hint,
)
from django_deploykit.bundle.source import Commit, git, why_not_committed
from django_deploykit.errors import BundleError, Problems
from django_deploykit.project import Project

_ABOVE = re.compile(r"(?<![\w./-])\.\./[^\s\"',;:&|()#\]]*")
_INCLUDED = re.compile(r"^\s*(?:-r|--requirement)[ =]*(\S+)", re.MULTILINE)
_OUTSIDE = (
    "Build a wheel into the repository, pip wheel --no-deps -w vendor PATH, "
    "and require ./vendor/NAME.whl in place of the path."
)
_UNHASHED = "\nOr set `allow_unhashed = yes` in [bundle] of deploykit.ini to accept pinned versions without hashes."


def reader_of(name: str) -> Reader:
    """Return the reader for a lock file's name, or else for the first pattern that matches it."""
    found = READERS.get(name) or READERS.get(PurePosixPath(name).name)
    return found or next(row for pattern, row in READERS.items() if fnmatchcase(name, pattern))


def find_lock(project: Project, prefix: str, exists: Callable[[str], bool]) -> str:
    """Return the path of the project's lock file in its repository.

    It is the file that deploykit.ini names. Otherwise it is the first known name in the project's
    folder (``prefix``, with a trailing slash) or in the nearest folder above. If there is none, the
    path is an empty string. ``exists`` is called with paths relative to the repository.
    """
    if project.lock:
        paths = [prefix + project.lock]
    else:
        folders = [prefix, *map(str, PurePosixPath(prefix).parents)] if prefix else [""]
        paths = [os.path.join(folder, name) for folder in folders for name in _names()]
    tidy = (os.path.normpath(path) for path in paths)
    return next((path for path in tidy if not path.startswith(("..", "/")) and exists(path)), "")


def _names() -> list[str]:
    return [name for name in READERS if "*" not in name]


def missing_lock(project: Project, names: Iterable[str], where: str) -> BundleError:
    """Return the error for a project without a lock file.

    ``names`` are the names of the files next to manage.py and above. ``where`` describes the place
    that was searched.
    """
    if project.lock:
        what, looked = f"the lock file {project.lock} is not in {where}", ""
    else:
        what, looked = f"there is no lock file in {where}", f"; looked for {', '.join(_names())}"
    known = set(names)

    def text(name: str) -> str | None:
        return text_of(_above(project.root, name)) if name in known else None

    hint = f"{how_to_make(text).hint}, and commit the result. Or let {OURS} do it."
    return BundleError(what + looked, hint)


def _above(root: Path, name: str) -> Path:
    """Return the file in the project's folder or the nearest one above, whether it exists or not."""
    folders = (root, *root.parents)
    return next((one / name for one in folders if (one / name).is_file()), root / name)


@dataclass(frozen=True)
class Place:
    """Where a lock file is: the folder that its paths are relative to, and its path from there.

    ``instead`` says how to use a file that would come first, and that the commit does not have.
    """

    folder: Path
    name: str
    instead: str = field(default="", compare=False)

    @property
    def reader(self) -> Reader:
        """What reads it."""
        return reader_of(self.name)

    @classmethod
    def of(cls, folder: Path, name: str) -> Place:
        """Return the place of a lock file of a project in ``folder``."""
        if reader_of(name).from_project:
            return cls(folder, name)
        return cls((folder / name).parent, os.path.basename(name))

    def _text(self, name: str) -> str | None:
        path = self.folder / name
        return text_of(path) if path.is_file() else None

    def with_other(self, name: str, why: str, hint: str) -> Place:
        """Return it with what a user may do instead: use a lock file that the commit lacks."""
        return replace(self, instead=f"Or use {name} instead; {why}. {hint}")

    @property
    def hint(self) -> str:
        """How to make it valid, or how to make the lock file of the tool that the project uses.

        Requirements that no file was made from become that file.
        """
        source = f"{self.name.rpartition('.')[0]}.in"
        more = f"\n{self.instead}" if self.instead else ""
        if not self.reader.from_project or (self.folder / source).is_file():
            return self.reader.hint(self.name) + more
        ours = f". Or let {OURS} do it" if self.name == self.reader.name else ""
        making = how_to_make(self._text)
        if making.by_tool:
            return f"{making.hint}, and commit the result{ours}{more}"
        return f"{compiled(source, self.name, old=self.name).hint}{ours}{more}"


def locate_locks(project: Project, commit: Commit, top: Path) -> list[Place]:
    """Return the place of the lock file in the export ``top``, and that of the plug-ins, if any.

    What a lock file names outside of the project's folder is exported, too. If the lock file is
    above the project's folder, that is the whole repository.
    """

    def in_commit(path: str) -> bool:
        if path.startswith(commit.prefix):
            return (top / path).is_file()
        return bool(git(commit.top, "ls-tree", commit.sha, path, fail=False))

    def place(one: Project) -> Place | None:
        path = find_lock(one, commit.prefix, in_commit)
        here = find_lock(one, commit.prefix, lambda name: (commit.top / name).is_file())
        if here and not in_commit(here):
            why, hint = why_not_committed(commit.top, commit.sha, here)
            if not path:
                raise BundleError(f"the lock file {here} is not in the commit: {why}", hint)
            if (commit.top / path).is_file():
                return _exported(path, commit, top).with_other(here, why, hint)
        return _exported(path, commit, top) if path else None

    found = place(project)
    if found is None:
        raise missing_lock(project, _beside(commit, in_commit), "the commit")
    return [found, *plugins_place(project, found, place)]


def plugins_place(
    project: Project, product: Place, find: Callable[[Project], Place | None]
) -> Iterator[Place]:
    """Yield the place of the plug-ins' lock file. ``find`` finds the lock file that a project names."""
    if not project.plugins:
        return
    found = find(replace(project, lock=project.plugins))
    if found is None:
        hint = plugins_hint(product.reader, LockFile(product.name, ()), project.plugins)
        raise missing_plugins(project.plugins, hint)
    yield found


def _exported(path: str, commit: Commit, top: Path) -> Place:
    """Return the place of a lock file after everything that it names was exported."""
    if not path.startswith(commit.prefix):
        bring(commit, [""], top)
        return Place((top / path).parent, os.path.basename(path))
    seen: set[str] = set()
    while wanted := set(_iter_named(top, path)) - seen:
        bring(commit, sorted(wanted), top)
        seen |= wanted
    return Place.of(top / commit.prefix, path.removeprefix(commit.prefix))


def _beside(commit: Commit, exists: Callable[[str], bool]) -> Iterator[str]:
    """Yield the names of known files with dependencies, next to manage.py or above."""
    names = source_names()
    for folder in (commit.prefix, *map(str, PurePosixPath(commit.prefix).parents)):
        yield from (
            name for name in names if exists(os.path.normpath(folder + "/" + name).lstrip("/"))
        )


def _iter_named(top: Path, path: str) -> Iterator[str]:
    """Yield the paths that a lock file, or a file that it includes, names with ``..``."""
    queue, seen = [path], set[str]()
    while queue:
        one = queue.pop()
        if one in seen or not (top / one).is_file():
            continue
        seen.add(one)
        text = (top / one).read_text(encoding="utf-8", errors="replace")
        folder = os.path.dirname(one)
        yield from paths_above(text, folder)
        queue += [os.path.normpath(os.path.join(folder, name)) for name in _INCLUDED.findall(text)]


def paths_above(text: str, folder: str) -> Iterator[str]:
    """Yield the paths that start with ``../`` in a text of a file in ``folder``.

    They are relative to the repository. Paths that leave it are left out.

    >>> list(paths_above("cd ../frontend && npm ci; cat ../../x", "web"))
    ['frontend']
    """
    for match in _ABOVE.finditer(text):
        path = os.path.normpath(os.path.join(folder, match[0]))
        if not path.startswith(".."):
            yield "" if path == "." else path


def read_lock(folder: Path, name: str, wanted: Wanted | None = None) -> LockFile:
    """Read what is ``wanted`` of the lock file ``name`` in ``folder``."""
    return reader_of(name).read(folder, name, wanted or Wanted())


def read_each(places: Sequence[Place], project: Project, top: Path) -> list[LockFile]:
    """Read the lock files. The paths in both are relative to the folder of the first."""
    wanted = Wanted(project.extras, project.groups, top, project.root)
    found = []
    for place in places:
        lock = read_lock(place.folder, place.name, wanted)
        found.append(moved(lock, os.path.relpath(place.folder, places[0].folder)))
        wanted = Wanted(top=top, project=project.root)  # groups and extras are the product's
    return found


def validate_lock(lock: LockFile, *, allow_unhashed: bool, hint: str = "") -> None:
    """Raise :class:`Problems` if anything is not locked, with what to do about it."""
    problems = list(iter_lock_problems(lock, allow_unhashed=allow_unhashed))
    if problems:
        more = _UNHASHED if any(one.endswith("has no hash") for one in problems) else ""
        hint = (hint or reader_of(lock.path).hint(lock.path)) + more
        if any(one.outside and not one.hashes for one in lock.requirements):
            hint = f"{_OUTSIDE} {hint}"  # locking again without this gives the same lock file
        raise Problems(f"{lock.path} is not a lock file:", problems, hint)


def validate_deploykit(lock: LockFile, root: Path, settings: str) -> None:
    """Raise :class:`BundleError` if the settings use this package and the lock file lacks it."""
    problem = deploykit_problem(lock, root, settings)
    if problem:
        raise BundleError(
            problem, f"Add django-deploykit to it. {reader_of(lock.path).hint(lock.path)}"
        )
