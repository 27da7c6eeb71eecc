"""INI files with the place of every option, for messages."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from django_deploykit.runtime.base.ini import parse


@dataclass(frozen=True)
class Option:
    """A value and its place. ``line`` counts from 1."""

    value: str
    path: Path
    line: int

    @property
    def where(self) -> str:
        """The place in a form that editors can open, such as ``/etc/shop/shop.ini:14``."""
        return f"{self.path}:{self.line}"


@dataclass(frozen=True)
class Ini:
    """Options by section and name (in lower case), and problems for lines that cannot be read."""

    sections: dict[str, dict[str, Option]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def read_ini(path: Path, named: Path | None = None) -> Ini:
    """Read a file in UTF-8, with or without BOM. ``named`` is what messages call it.

    Mistakes in it are not raised. They are in the result's problems, as "file:line: what". Raise
    :class:`OSError` if the file cannot be read.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:  # CR may be part of a value
            text = file.read()
    except UnicodeDecodeError as error:
        return Ini(problems=(f"{named or path}: is not UTF-8 (byte {error.start})",))
    return parse_ini(text, named or path)


def parse_ini(text: str, path: Path) -> Ini:
    """Parse ``text``. ``path`` is only used to name places."""
    sections, problems = parse(text)
    return Ini(
        {
            section: {name: Option(value, path, line) for name, (value, line) in options.items()}
            for section, options in sections.items()
        },
        tuple(f"{path}:{line}: {problem}" for line, problem in problems),
    )
