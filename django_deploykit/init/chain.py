"""The settings modules that a settings module is made of: itself and those it imports with ``*``."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

from django_deploykit.init.source import Source

# Returns the text of a file below the project, or None if there is none.
Files = Callable[[str], "str | None"]


@dataclass(frozen=True)
class Assignment:
    """A statement that gives a setting its value."""

    source: Source
    node: ast.Assign | ast.AnnAssign

    @property
    def value(self) -> ast.expr:
        """The value."""
        assert self.node.value is not None
        return self.node.value

    @property
    def where(self) -> str:
        """The place as ``path:line``."""
        return self.source.where(self.node)


@dataclass(frozen=True)
class Chain:
    """Settings modules in the order in which they are evaluated. The last is the settings module."""

    sources: tuple[Source, ...]

    @property
    def last(self) -> Source:
        """The settings module itself."""
        return self.sources[-1]

    @cached_property
    def _mentions(self) -> dict[str, list[tuple[Source, ast.stmt]]]:
        """The statements that give a value to each name, at the top level or below ``if`` etc."""
        found: dict[str, list[tuple[Source, ast.stmt]]] = {}
        for source in self.sources:
            for node in ast.walk(source.tree):
                for name in _names_set(node):
                    assert isinstance(node, ast.stmt)
                    found.setdefault(name, []).append((source, node))
        return found

    def places(self, name: str) -> list[str]:
        """Return where a name gets a value, as ``path:line``."""
        return [source.where(node) for source, node in self._mentions.get(name, [])]

    def assignment(self, name: str) -> Assignment | None:
        """Return the only statement that decides a setting's value.

        Return None if there is none, or if several have a part in it.
        """
        found = self._mentions.get(name, [])
        if len(found) != 1:
            return None
        return self._decides(*found[0])

    def start(self, name: str) -> Assignment | None:
        """Return the statement that a setting starts with, if later ones only add to it."""
        found = self._mentions.get(name, [])
        if not found or not all(_adds(node, name) for _, node in found[1:]):
            return None
        return self._decides(*found[0])

    def _decides(self, source: Source, node: ast.stmt) -> Assignment | None:
        if (
            isinstance(node, (ast.Assign, ast.AnnAssign))
            and node in source.tree.body
            and node.value
        ):
            return Assignment(source, node)
        return None

    def has(self, name: str) -> bool:
        """Whether any statement gives a name a value."""
        return name in self._mentions

    def source_of(self, path: str) -> Source:
        """Return the module with this path."""
        return next(one for one in self.sources if one.path == path)


def read_chain(module: str, files: Files) -> Chain | None:
    """Return the chain of a settings module, or None if its file is not found.

    Raise :class:`SyntaxError` if one of the files is not Python.
    """
    path = module_path(module, files)
    return Chain(tuple(_sources(path, files, set()))) if path else None


def module_path(module: str, files: Files) -> str:
    """Return the path of a module's file, or an empty string if there is none.

    manage.py may put the folder ``src`` on the import path.
    """
    stem = module.replace(".", "/")
    paths = (f"{top}{stem}{end}" for top in ("", "src/") for end in (".py", "/__init__.py"))
    return next((path for path in paths if files(path) is not None), "")


def _sources(path: str, files: Files, seen: set[str]) -> Iterator[Source]:
    text = files(path)
    if text is None or path in seen:
        return
    seen.add(path)
    source = Source(path, text)
    for node in _star_imports(source.tree.body):
        yield from _sources(module_path(_absolute(path, node), files), files, seen)
    yield source


def _star_imports(body: list[ast.stmt]) -> Iterator[ast.ImportFrom]:
    """Yield the imports with ``*``, also below ``try`` and ``if`` if they import tracked settings."""
    for node in body:
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
            yield node
        elif isinstance(node, (ast.If, ast.Try)):
            handlers = node.handlers if isinstance(node, ast.Try) else []
            below = [*node.body, *(one for part in handlers for one in part.body), *node.orelse]
            named = (one for one in _star_imports(below) if one.module)
            yield from (one for one in named if not str(one.module).endswith("local_settings"))


def _absolute(path: str, node: ast.ImportFrom) -> str:
    """Return the module that a ``from … import`` in a file names."""
    parts = list(PurePosixPath(path).parent.parts)
    parents = parts[: len(parts) - node.level + 1] if node.level else []
    return ".".join([*parents, *([node.module] if node.module else [])])


def _adds(node: ast.stmt, name: str) -> bool:
    """Whether a statement keeps what a name had before, or makes the same name known elsewhere."""
    if isinstance(node, (ast.AugAssign, ast.ImportFrom)):
        return True
    value = node.value if isinstance(node, (ast.Assign, ast.AnnAssign)) else None
    parts = ast.walk(value) if value is not None else ()
    return any(isinstance(one, ast.Name) and one.id == name for one in parts)


def _names_set(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, (ast.AnnAssign, ast.AugAssign)):
        targets = [node.target]
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        return [one.asname or one.name.partition(".")[0] for one in node.names]
    else:
        return []
    return [name for target in targets for name in _bases(target)]


def _bases(target: ast.expr) -> Iterator[str]:
    """Yield the names that a target changes: ``STORAGES`` for ``STORAGES["default"]``."""
    if isinstance(target, (ast.Tuple, ast.List)):
        for item in target.elts:
            yield from _bases(item)
    while isinstance(target, (ast.Subscript, ast.Attribute, ast.Starred)):
        target = target.value
    if isinstance(target, ast.Name):
        yield target.id
