"""How a project without a lock file gets one: by the command of the tool that it uses (pure)."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django_deploykit.bundle.locks import READERS
from django_deploykit.bundle.locks.base import Reader

# Returns the text of a file of the project, or None if there is none.
Files = Callable[[str], "str | None"]

OURS = "python -m django_deploykit init --lock"
COMPILE = "uv pip compile --universal --generate-hashes"
# The tables below [tool.poetry] and [tool.pdm] that only concern how a package is built.
_BUILD = ("build", "version")
# The head of a table. A file that is not TOML is reported by what reads it next.
_TABLE = re.compile(r"^\[+\s*([\w.-]+)", re.MULTILINE)
_COMPILED = ("requirements/production.txt", "requirements/prod.txt", "requirements/base.txt")


@dataclass(frozen=True)
class Making:
    """How a lock file is made: a command line, the file that people write, and the result.

    The file ``old`` is what people have written until now. It gets the name of ``source``.
    ``missing``: nobody has written down what the project needs.
    """

    command: str
    source: str
    lock: str
    old: str = ""
    missing: bool = False

    @property
    def tool(self) -> str:
        """The program that locks."""
        return self.command.partition(" ")[0]

    @property
    def by_tool(self) -> bool:
        """Whether a file or a table of a tool says that the project uses it."""
        reader = READERS.get(self.lock)
        return reader is not None and reader.needs_tool and reader.table != "project"

    @property
    def hint(self) -> str:
        """The sentence that says how to lock."""
        start = f"git mv {shlex.quote(self.old)} {shlex.quote(self.source)} && " if self.old else ""
        written = f"Write what the project needs to {self.source}, one name a line. "
        return f"{written if self.missing else ''}Lock the dependencies: {start}{self.command}"


def how_to_make(files: Files) -> Making:
    """Return how the project with these files gets a lock file."""
    reader = _reader(files)
    if reader is not None:
        stem = reader.name.rpartition(".")[0]
        return Making(
            reader.command.format(name=reader.name, stem=stem), reader.source, reader.name
        )
    if files("requirements.txt") is not None:
        return compiled("requirements.in", "requirements.txt", old="requirements.txt")
    for name in _COMPILED:
        if files(name) is not None:
            return compiled(name, "requirements.lock")
    if files("setup.py") is not None:
        return compiled("setup.py", "requirements.txt")
    return compiled("requirements.in", "requirements.txt", missing=True)


def compiled(source: str, lock: str, *, old: str = "", missing: bool = False) -> Making:
    """Return how uv makes a requirements file."""
    return Making(f"{COMPILE} {source} -o {lock}", source, lock, old, missing)


def source_names() -> list[str]:
    """Return the names of the files from which :func:`how_to_make` learns what a project uses."""
    named = [reader.source for reader in READERS.values() if reader.source]
    return [*dict.fromkeys(named), "requirements.txt", *_COMPILED, "setup.py", "setup.cfg"]


def _reader(files: Files) -> Reader | None:
    """Return the reader of what the project's tool writes.

    A tool's own table decides. After it comes a file that only one tool reads, then ``[project]``,
    which many projects have only for their name.
    """
    tables = _TABLE.findall(files("pyproject.toml") or "")
    rows = [one for one in READERS.values() if one.source and files(one.source) is not None]
    rows = [one for one in rows if not one.table or _has(tables, one.table)]
    ranked: Iterable[Reader] = sorted(rows, key=_rank)
    return next(iter(ranked), None)


def _rank(reader: Reader) -> int:
    return 0 if reader.table.startswith("tool.") else 1 if not reader.table else 2


def _has(tables: Iterable[str], table: str) -> bool:
    """Whether a table says that its tool is used. One below it may only be a build backend's."""
    backend = tuple(f"{table}.{name}" for name in _BUILD)
    return any(f"{one}.".startswith(f"{table}.") for one in tables if one not in backend)
