"""What a check is, and the list of all of them."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django_deploykit.checks.subject import Subject

LEVELS = ("INFO", "WARNING", "ERROR")
_LETTERS = {"I": "INFO", "W": "WARNING", "E": "ERROR"}
TOPICS = (
    "core",
    "hosts",
    "accounts",
    "database",
    "services",
    "staticfiles",
    "observability",
    "repository",
    "shipping",
    "server",
)


@dataclass(frozen=True)
class Found:
    """What a check found; ``setting`` names the one at fault, ``path`` a file relative to the project."""

    message: str
    hint: str = ""
    setting: str = ""
    path: str = ""
    line: int = 0


@dataclass(frozen=True)
class Finding:
    """A problem as reported: ``level`` is INFO, WARNING or ERROR; ``line`` 0 where there is none."""

    id: str
    level: str
    message: str
    hint: str = ""
    path: str = ""
    line: int = 0

    @property
    def where(self) -> str:
        """The place, ``shop/settings.py:14``, "" where there is none."""
        return f"{self.path}:{self.line}" if self.path and self.line else self.path


Judge = Callable[["Subject"], Iterable[Found]]


@dataclass(frozen=True)
class Check:
    """One check: its id (``deploykit.E101``), what it says when explained, when it can run."""

    id: str
    title: str
    text: str
    tag: str
    server: bool
    judge: Judge

    @property
    def level(self) -> str:
        """The level, which the id's letter names."""
        return _LETTERS[self.id.rpartition(".")[2][0]]

    def run(self, subject: Subject) -> Iterator[Finding]:
        """Yield what is wrong, with places filled in; a check that fails is told, not passed over."""
        for found in self._judged(subject):
            path, line = found.path, found.line
            if not path and found.setting:
                path, line = subject.place(found.setting)
            yield Finding(self.id, self.level, found.message, found.hint, path, line)

    def _judged(self, subject: Subject) -> Iterator[Found]:
        try:
            yield from self.judge(subject)
        except Exception as error:  # noqa: BLE001 - whatever settings of an odd shape lead to
            yield Found(
                f"could not be checked ({self.title}): {type(error).__name__}: {error}",
                "Do the settings that it reads have the shape that Django wants?",
            )


_CATALOGUE: dict[str, Check] = {}


def check(number: str, *, server: bool = False) -> Callable[[Judge], Judge]:
    """Register a check by its number, ``E101``; its docstring is title and explanation."""

    def register(judge: Judge) -> Judge:
        title, _, text = (judge.__doc__ or "").strip().partition("\n")
        tag = judge.__module__.rpartition(".")[2]
        lines = [line.strip() for line in text.strip().splitlines()]
        key = f"deploykit.{number}"
        _CATALOGUE[key] = Check(key, title.rstrip("."), "\n".join(lines), tag, server, judge)
        return judge

    return register


def catalogue() -> dict[str, Check]:
    """Return every check by id, in order."""
    for topic in TOPICS:
        importlib.import_module(f"django_deploykit.checks.{topic}")
    return dict(sorted(_CATALOGUE.items(), key=lambda item: item[0].rpartition(".")[2][1:]))
