"""Splits a simple shell command into words, for machines without a shell.

Only commands that every shell reads in the same way are split: words, quotes, backslashes, and
variables as ``$NAME``, ``${NAME}`` and ``${NAME:-default}``.
"""

from __future__ import annotations

import re
from typing import Dict, List, Mapping, NamedTuple, Optional, Tuple

# Text between quotes, a variable, an escaped character, a blank, or a character of a word.
_TOKEN = re.compile(
    r"'(?P<single>[^']*)'"
    r'|"(?P<double>(?:\\.|[^"\\])*)"'
    r"|(?P<variable>\$(?:[A-Za-z_]\w*|\{[A-Za-z_]\w*(?::?-[\w./:@%+,-]*)?\}))"
    r"|\\(?P<escaped>[^\n])"
    r"|(?P<blank>[ \t]+)"
    r"|(?P<plain>[\w./:@%+,=-]+)",
    re.DOTALL | re.ASCII,
)
_INSIDE = re.compile(
    r'\\(?P<escaped>[$`"\\])'
    r"|(?P<variable>\$(?:[A-Za-z_]\w*|\{[A-Za-z_]\w*(?::?-[\w./:@%+,-]*)?\}))"
    r"|(?P<plain>[^$`\\]|\\(?![$`\"\\\n]))",
    re.DOTALL | re.ASCII,
)
_VARIABLE = re.compile(r"\$\{?(\w+)(?:(:?-)([^}]*))?\}?", re.ASCII)
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=", re.ASCII)
_PATTERN = re.compile(r"[*?\[\]]")
# Words that a shell does not run as a program.
_OF_SHELLS = (
    "! { } . : [ alias bg break case cd command continue do done elif else esac eval exec exit "
    "export fi for getopts hash if jobs local read readonly return set shift source then time "
    "times trap type ulimit umask unalias unset until wait while"
)


class Simple(NamedTuple):
    """A command: variables that it sets for its program, and its words, which are not empty."""

    variables: Dict[str, str]
    words: List[str]


def split_simple(command: str, environ: Mapping[str, str]) -> Optional[Simple]:
    """Return the words of a simple command, or None if only a shell can run it.

    >>> split_simple("A=1 gunicorn --bind 0.0.0.0:${PORT:-8000} 'my app'", {})
    Simple(variables={'A': '1'}, words=['gunicorn', '--bind', '0.0.0.0:8000', 'my app'])
    >>> split_simple("yes | python manage.py migrate", {})
    """
    rows = _split(command.strip(), environ)
    if rows is None:
        return None
    variables: Dict[str, str] = {}
    while rows and rows[0][1]:
        name, _, value = rows.pop(0)[0].partition("=")
        variables[name] = value
    words = [word for word, _ in rows]
    if words and words[0] == "exec" and len(words) > 1 and words[1][:1] != "-":
        del words[0]
    if not words or words[0] in _OF_SHELLS.split():
        return None
    return Simple(variables, words)


def _split(text: str, environ: Mapping[str, str]) -> Optional[List[Tuple[str, bool]]]:
    """Return words, and of each whether it begins as an assignment does; None if unknown."""
    rows: List[Tuple[str, bool]] = []
    word: Optional[str] = None
    assigns, at, assigning = False, 0, True
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            return None
        at = found.end()
        kind, value = found.lastgroup, found.group(found.lastgroup or 0)
        if kind == "blank":
            if word is not None:
                rows.append((word, assigns))
                assigning = assigning and assigns
            word, assigns = None, False
            continue
        if word is None and kind == "plain":
            assigns = assigning and bool(_ASSIGNMENT.match(value))
        expanded = _expanded(kind or "", value, environ, quoted=assigns)
        if expanded is None:
            return None
        if kind == "variable" and not expanded and word is None and not assigns:
            continue  # an empty variable is no word
        word = (word or "") + expanded
    return rows if word is None else [*rows, (word, assigns)]


def _expanded(kind: str, value: str, environ: Mapping[str, str], quoted: bool) -> Optional[str]:
    """Return the text of a token, or None if a shell would make several words of it."""
    if kind == "variable":
        text = _value(value, environ)
        return text if quoted or not (_PATTERN.search(text) or re.search(r"\s", text)) else None
    if kind != "double":
        return value
    parts, at = [], 0
    while at < len(value):
        found = _INSIDE.match(value, at)
        if found is None:
            return None
        at = found.end()
        part = found.group(found.lastgroup or 0)
        parts.append(_value(part, environ) if found.lastgroup == "variable" else part)
    return "".join(parts)


def _value(reference: str, environ: Mapping[str, str]) -> str:
    found = _VARIABLE.match(reference)
    name, operator, default = found.groups() if found else ("", None, None)
    value = environ.get(name)
    if value is None or (operator == ":-" and not value):
        return default or ""
    return value
