"""INI files read with the place of every option: no interpolation, UTF-8 with or without BOM."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

_SECTION = re.compile(r"\[(?P<name>[^\[\]]+)\]\s*\Z")
_OPTION = re.compile(r"(?P<name>[^\s=:\[#;][^=:]*?)\s*[=:](?P<value>.*)\Z")


@dataclass(frozen=True)
class Option:
    """A value and where it stands; ``line`` counts from 1."""

    value: str
    path: Path
    line: int

    @property
    def where(self) -> str:
        """The place as editors understand it, ``/etc/shop/shop.ini:14``."""
        return f"{self.path}:{self.line}"


@dataclass(frozen=True)
class Ini:
    """Options by section and name (names in lower case), and what could not be read."""

    sections: dict[str, dict[str, Option]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def read_ini(path: Path) -> Ini:
    """Read ``path``; what is wrong is collected in ``problems`` ("file:line: what"), never raised.

    Values keep ``#``, ``;``, ``%``, ``$`` and quotes as they are. A comment stands on a line of its
    own. A value goes on in the following indented lines, joined by newlines. A file that does not
    exist is an :class:`OSError`.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        return Ini(problems=(f"{path}: is not UTF-8 (byte {error.start})",))
    return parse_ini(text, path)


def parse_ini(text: str, path: Path) -> Ini:
    """Parse ``text`` as :func:`read_ini` does; ``path`` only names the place."""
    sections: dict[str, dict[str, Option]] = {}
    problems: list[str] = []
    section: dict[str, Option] | None = None
    last: str | None = None
    blanks = 0
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip()
        if not stripped:
            blanks += 1
            continue
        if stripped[0] in "#;":
            continue
        if line[0] in " \t" and section is not None and last is not None:
            before = section[last]
            gap = "\n" * (blanks + 1)
            section[last] = Option(before.value + gap + stripped, path, before.line)
        elif match := _SECTION.match(stripped):
            section = sections.setdefault(match["name"].strip(), {})
            last = None
        elif section is None:
            problems.append(f"{path}:{number}: an option stands before the first [section]")
        elif match := _OPTION.match(stripped):
            last = match["name"].strip().lower()
            if last in section:
                problems.append(
                    f"{path}:{number}: {last} is set twice, first at line {section[last].line}"
                )
            section[last] = Option(match["value"].strip(), path, number)
        else:
            problems.append(
                f"{path}:{number}: neither a [section], nor an option = value, nor a comment"
            )
            last = None
        blanks = 0
    return Ini(sections, tuple(problems))
