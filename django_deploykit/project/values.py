"""Guesses at what a misspelled word should be."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the end of a sentence that suggests the closest known word, or "".

    >>> nearest("hots", ["hosts"])
    "; did you mean 'hosts'?"
    """
    found = difflib.get_close_matches(word, list(known), 1)
    return f"; did you mean {found[0]!r}?" if found else ""
