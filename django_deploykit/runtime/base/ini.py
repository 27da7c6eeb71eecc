"""The INI parser of settings, ``deploykit.ini``, host verbs and the root helper.

The root helper contains a copy of this module, so it only imports ``re`` and ``typing``.
"""

from __future__ import annotations

import re
from typing import Dict, List, Optional, Set, Tuple

# The texts of truth values.
TRUE = ("true", "yes", "on", "1", "y", "t")
FALSE = ("false", "no", "off", "0", "n", "f")
_SECTION = re.compile(r"\[([^\[\]]+)\]\Z", re.DOTALL)
_OPTION = re.compile(r"([^\s=:\[#;][^=:]*?)\s*[=:](.*)\Z", re.DOTALL)
_BLANK = " \t"


def parse(text: str) -> Tuple[Dict[str, Dict[str, Tuple[str, int]]], List[Tuple[int, str]]]:
    """Return options by section and name (in lower case), as value and line, and problems by line.

    Values keep ``#``, ``;``, ``%``, ``$``, quotes and control characters. Indented lines continue a
    value and are joined with newlines, whatever they begin with; a comment begins a line that is
    not indented. Lines end with LF or CRLF, or with CR in a text without LF. They are counted
    from 1.

    >>> parse("[django]\\nallowed_hosts =\\n  a.example\\n  b.example\\n")
    ({'django': {'allowed_hosts': ('\\na.example\\nb.example', 2)}}, [])
    """
    sections: Dict[str, Dict[str, Tuple[str, int]]] = {}
    problems: List[Tuple[int, str]] = []
    section: Optional[Dict[str, Tuple[str, int]]] = None
    name, gap = "", "\n"
    for number, line in enumerate(_lines(text), 1):
        stripped = line.strip(_BLANK)
        if not stripped:
            gap += "\n"
            continue
        indented = line[0] in _BLANK
        if indented and section and name:
            value, first = section[name]
            section[name] = (value + gap + stripped, first)
        elif stripped[0] in "#;":
            continue
        else:
            section, name, problem = _start(stripped, number, sections, section)
            if problem:
                problems.append((number, problem))
        gap = "\n"
    return sections, problems


def _lines(text: str) -> List[str]:
    """Return the lines without their ends. A lone CR belongs to a value, except in a text without LF."""
    if "\n" not in text:
        return text.split("\r")
    return [line[:-1] if line.endswith("\r") else line for line in text.split("\n")]


def _start(
    line: str,
    number: int,
    sections: Dict[str, Dict[str, Tuple[str, int]]],
    section: Optional[Dict[str, Tuple[str, int]]],
) -> Tuple[Optional[Dict[str, Tuple[str, int]]], str, str]:
    """Parse a line that starts a section or option; return the section, the name and a problem."""
    heading = _SECTION.match(line)
    if heading:
        return sections.setdefault(heading.group(1).strip(), {}), "", ""
    if section is None:
        return None, "", "an option comes before the first [section]"
    option = _OPTION.match(line)
    if not option:
        return section, "", "expected a [section], an option = value, or a comment"
    name = option.group(1).lower()
    problem = f"{name} is set twice, first at line {section[name][1]}" if name in section else ""
    section[name] = (option.group(2).strip(_BLANK), number)
    return section, name, problem


def keys_with_value(text: str) -> Set[str]:
    """Return the options that have a value, as ``[section] option``, without the values.

    >>> sorted(keys_with_value("[django]\\nsecret_key = x\\ndebug =\\n"))
    ['[django] secret_key']
    """
    return {
        f"[{section}] {name}"
        for section, options in parse(text)[0].items()
        for name, (value, _) in options.items()
        if value
    }
