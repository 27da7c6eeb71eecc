"""The keys of a section of ``deploykit.ini``: how to read them, and mistakes in them."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django_deploykit.conf.ini import Option
from django_deploykit.runtime.base.environment_file import name_problem, value_problem

# For each key: a function that returns the value of a text, and help. The function raises
# ValueError with what was expected.
Keys = Mapping[str, tuple[Callable[[str], Any], str]]


def read_section(
    section: str, options: Mapping[str, Option], keys: Keys, problems: list[str]
) -> dict[str, Any]:
    """Return the valid values of a section by key. Mistakes are added to ``problems``."""
    found = {}
    for key, option in options.items():
        if key not in keys:
            problems.append(f"{option.where}: [{section}] has no option {key}{nearest(key, keys)}")
            continue
        try:
            found[key] = keys[key][0](option.value)
        except ValueError as error:
            problems.append(f"{option.where}: {key} {error}")
    return found


def read_lines(text: str) -> tuple[str, ...]:
    """Return the lines that are not blank."""
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def read_variables(text: str) -> tuple[tuple[str, str], ...]:
    """Return environment variables, written as in a shell: ``DEBUG=no GREETING='Hello, you'``."""
    found: dict[str, str] = {}
    for word in shlex.split(text):
        name, equals, value = word.partition("=")
        problem = name_problem(name) if equals else "expected NAME=value"
        problem = problem or value_problem(value)
        if name in found:
            problem = f"{name} is set twice"
        if problem:
            raise ValueError(f"is not valid: {problem}")
        found[name] = value
    return tuple(found.items())


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the end of a sentence that suggests the closest known word, or an empty string.

    >>> nearest("hots", ["hosts"])
    "; did you mean 'hosts'?"
    """
    found = difflib.get_close_matches(word, list(known), 1)
    return f"; did you mean {found[0]!r}?" if found else ""
