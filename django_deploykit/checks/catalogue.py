"""The class of checks, and the catalogue of all checks."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from django_deploykit.checks.finding import Finding
from django_deploykit.checks.subject import Subject

# The modules with checks, in the order of the documentation. Their names are tags.
TOPICS = (
    "core",
    "hosts",
    "responses",
    "accounts",
    "database",
    "services",
    "staticfiles",
    "uploads",
    "logs",
    "processes",
    "repository",
    "shipping",
    "server",
)
_LEVELS = {"I": "INFO", "W": "WARNING", "E": "ERROR"}
_PACKAGE = "django_deploykit.checks"

Function = Callable[[Subject], Iterable[Finding]]


@dataclass(frozen=True)
class Check:
    """One check: its id (``deploykit.E101``), the parts of its docstring, and its topic.

    One that is ``on_request`` only runs if ``--only`` names its id.
    """

    id: str
    title: str
    text: str
    tag: str
    function: Function
    on_request: bool = False

    @property
    def number(self) -> str:
        """The id without its prefix, ``E101``."""
        return self.id.removeprefix("deploykit.")

    @property
    def level(self) -> str:
        """The level that the id's letter stands for."""
        return _LEVELS[self.number[0]]

    @property
    def server(self) -> bool:
        """Whether it has to run on a host, with ``--server``."""
        return self.tag == "server"

    def run(self, subject: Subject) -> Iterator[Finding]:
        """Yield findings with id, level and place.

        :class:`Undecided` is raised if the check cannot decide here. Unusual settings may raise
        anything; the runner reports it.
        """
        for found in self.function(subject):
            path, line = found.path, found.line
            if not path and found.setting:
                path, line = subject.place(found.setting)
            yield replace(found, id=self.id, level=self.level, path=path, line=line)


_CATALOGUE: dict[str, Check] = {}


def check(number: str, *, on_request: bool = False) -> Callable[[Function], Function]:
    """Register a function as the check with a number such as ``E101``.

    The first line of its docstring is the check's title, and the rest explains it. The letter of
    the number is the level. The name of the module is the tag.
    """

    def register(function: Function) -> Function:
        title, _, text = (function.__doc__ or "").strip().partition("\n")
        tag = function.__module__.removeprefix(f"{_PACKAGE}.").partition(".")[0]
        lines = [line.strip() for line in text.strip().splitlines()]
        key = f"deploykit.{number}"
        other = _CATALOGUE.get(key)
        if other and other.function.__qualname__ != function.__qualname__:
            raise ValueError(f"{key} is already the number of {other.function.__qualname__}")
        _CATALOGUE[key] = Check(key, title.rstrip("."), "\n".join(lines), tag, function, on_request)
        return function

    return register


def catalogue() -> dict[str, Check]:
    """Return every check by its id, in the order of their numbers."""
    for topic in TOPICS:
        importlib.import_module(f"{_PACKAGE}.{topic}")
    return dict(sorted(_CATALOGUE.items(), key=lambda item: item[1].number[1:]))
