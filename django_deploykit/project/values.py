"""Words of ``deploykit.ini``: switches, and guesses at what a misspelled one should be."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from django_deploykit.conf.readers import read_bool


def yes_or_no(text: str) -> bool:
    """Return a switch, read as the settings helpers do; :class:`ValueError` says what was expected."""
    try:
        return read_bool(text)
    except ValueError:
        raise ValueError(f"must be yes or no, not {text!r}") from None


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the end of a sentence that suggests the closest known word, or "".

    >>> nearest("hots", ["hosts"])
    "; did you mean 'hosts'?"
    """
    found = difflib.get_close_matches(word, list(known), 1)
    return f"; did you mean {found[0]!r}?" if found else ""
