"""The parser of ``/etc/<app>/<app>.env``: a line ``NAME=value`` for each environment variable.

systemd reads this file too (``EnvironmentFile=``), and skips what it does not understand. So this
parser accepts what both read the same way, and reports everything else. The root helper contains a
copy of this module, so it only imports ``re`` and ``typing``.
"""

from __future__ import annotations

import re
from typing import Dict, List, Tuple

VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
# systemd and a release set these themselves.
_TAKEN = re.compile(
    r"(?:DEPLOYKIT_|LISTEN_|(?:CREDENTIALS_DIRECTORY|NOTIFY_SOCKET|STATE_DIRECTORY|VIRTUAL_ENV)\Z)"
)
_UNUSED_LINE = re.compile(r"[ \t]*(?:[#;][^\n]*)?(?:\n|\Z)")
_VARIABLE_LINE = re.compile(
    r"""(?P<name>[^=\n]*)=[ \t]*(?:(?P<quoted>'[^']*'|"(?:[^"\\]|\\.)*")|(?P<plain>[^\n]*))"""
    r"""(?P<rest>[^\n]*)(?:\n|\Z)""",
    re.DOTALL,
)
_ANY_LINE = re.compile(r"[^\n]*(?:\n|\Z)")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def parse_environment(data: bytes) -> Tuple[Dict[str, str], List[Tuple[int, str]]]:
    """Return the variables, and problems by line, counted from 1. Problems never have a value.

    A value is plain, or in single quotes without another one, or in double quotes. Between these a
    backslash is only allowed before a double quote, a backslash, ``$`` and a backtick. Values in
    quotes may have several lines. Nothing is replaced in a value.

    >>> parse_environment(b"# Ours\\nDEBUG=no\\nGREETING='Hello, $NAME'\\n")
    ({'DEBUG': 'no', 'GREETING': 'Hello, $NAME'}, [])
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        return {}, [(data.count(b"\n", 0, error.start) + 1, "is not UTF-8")]
    problems = _problems_of_text(text)
    values: Dict[str, str] = {}
    lines: Dict[str, int] = {}
    at, number = 0, 1
    while at < len(text):
        unused = _UNUSED_LINE.match(text, at)
        match = unused or _VARIABLE_LINE.match(text, at) or _ANY_LINE.match(text, at)
        assert match is not None
        if not unused:
            name, value, problem = _read_variable(match)
            if not problem and name in lines:
                problem = f"{name} is set twice, first at line {lines[name]}"
            if problem:
                problems.append((number, problem))
            else:
                values[name], lines[name] = value, number
        elif match.group().rstrip("\n").endswith("\\"):
            problems.append((number, "a comment must not end with \\"))
        number += text.count("\n", at, match.end())
        at = match.end()
    return values, sorted(problems)


def name_problem(name: str) -> str:
    """Return why a variable cannot have this name, or an empty string."""
    if not VARIABLE_NAME.match(name):
        return "expected NAME=value, with a name of letters, digits and _"
    if _TAKEN.match(name):
        return f"{name} is set by systemd or by the release: remove it"
    return ""


def value_problem(value: str) -> str:
    """Return why a variable cannot have this value, or an empty string."""
    if _CONTROLS.search(value):
        return "the value has a control character"
    if any(ord(char) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(char) <= 0xFDEF for char in value):
        return "the value has a character that is not valid in Unicode"
    return ""


def _problems_of_text(text: str) -> List[Tuple[int, str]]:
    """Return what systemd would read in another way, wherever it is."""
    found = []
    for character, problem in (
        ("\ufeff", "the file begins with a byte order mark: save it as UTF-8 without one"),
        ("\r", "has a carriage return: save the file with the line ends of Linux"),
        ("\0", "has a NUL character"),
    ):
        at = text.find(character)
        if at == 0 or (at > 0 and character != "\ufeff"):
            found.append((text.count("\n", 0, at) + 1, problem))
    return found


def _read_variable(match: "re.Match[str]") -> Tuple[str, str, str]:
    """Return the name and the value of a line, and what is wrong with it, or an empty string."""
    if "name" not in match.re.groupindex:
        return "", "", "expected NAME=value"
    name = match.group("name").strip(" \t")
    if re.match(r"export[ \t]", name):
        return name, "", "expected NAME=value: remove `export`"
    problem = name_problem(name)
    if problem:
        return name, "", problem
    quoted, plain = match.group("quoted"), match.group("plain")
    if quoted:
        value, problem = _unquoted(quoted, match.group("rest"))
    else:
        value, problem = plain.rstrip(" \t"), _plain_problem(plain)
    problem = problem or value_problem(value)
    return name, value, problem and f"{name}: {problem}"


def _unquoted(text: str, rest: str) -> Tuple[str, str]:
    """Return the value that is between quotes, and what is wrong with how it is written."""
    quote = text[0]
    if rest.strip(" \t"):
        return "", f"nothing may follow the closing {quote}"
    if quote == "'":
        return text[1:-1], ""
    if re.search(r'\\[^"\\$`]', re.sub(r"\\\\", "", text[1:-1])):
        return "", 'between " and ", a \\ may only be before ", \\, $ or `: use single quotes'
    return re.sub(r"\\(.)", r"\1", text[1:-1]), ""


def _plain_problem(text: str) -> str:
    """Return what is wrong with a value that is not in quotes."""
    if text[:1] in ("'", '"'):
        return f"the {text[0]} at the start of the value is not closed"
    if re.search(r"['\"\\]", text):
        return "a value with quotes or \\ must be in quotes as a whole"
    if re.search(r"(?:\A|[ \t])#", text):
        return "a # does not begin a comment here: put the value in quotes, or the comment above"
    return ""
