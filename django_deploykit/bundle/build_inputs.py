"""The files that build commands may read: those that ``[bundle] inputs`` or a command names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence

from django_deploykit.errors import Problems

_WILD = re.compile(r"[*?]")
_WORDS = re.compile(r"[^\s\"'`;|&()<>=]+")


def literal_folder(pattern: str) -> str:
    """Return the part of a pattern before the first wildcard.

    >>> literal_folder("../frontend/**/*.js"), literal_folder("package.json")
    ('../frontend', 'package.json')
    """
    parts = pattern.split("/")
    end = next((n for n, part in enumerate(parts) if _WILD.search(part)), len(parts))
    return "/".join(parts[:end])


def choose_inputs(
    patterns: Sequence[str], commands: Sequence[str], prefix: str, paths: Iterable[str]
) -> list[str]:
    """Return the inputs among the ``paths`` of a repository, sorted.

    Patterns and commands are relative to the project's folder, ``prefix``. Raise :class:`Problems`
    for patterns that match no file.

    >>> choose_inputs(["assets/*.js"], ["node make.js"], "web", ["web/assets/a.js", "web/make.js"])
    ['web/assets/a.js', 'web/make.js']
    """
    known = set(paths)
    chosen = {path for text in commands for path in _named(text, prefix) if path in known}
    bad = []
    for text in patterns:
        wanted = _expression(os.path.normpath(os.path.join(prefix, text)))
        found = {path for path in known if wanted.match(f"{path}/")}
        chosen |= found
        if not found:
            bad.append(text)
    if bad:
        raise Problems(
            "inputs in [bundle] of deploykit.ini match no file of the commit:",
            bad,
            "Write paths relative to deploykit.ini. A folder means everything below it, * any part "
            "of a name, ** any folders.",
        )
    return sorted(chosen)


def _named(command: str, prefix: str) -> Iterator[str]:
    for word in _WORDS.findall(command):
        yield os.path.normpath(os.path.join(prefix, word))


def _expression(pattern: str) -> re.Pattern[str]:
    """Return what matches the path of a file at or below a pattern, with a slash at its end."""
    parts = [part for part in pattern.split("/") if part not in ("", ".")]
    return re.compile("".join(map(_part, parts)), re.DOTALL)


def _part(part: str) -> str:
    if part == "**":
        return "(?:[^/]+/)*"
    wild = {"*": "[^/]*", "?": "[^/]"}
    return "".join(wild.get(one) or re.escape(one) for one in part) + "/"
