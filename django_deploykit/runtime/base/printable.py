"""Makes foreign text safe for a terminal: it cannot move the cursor or reverse a line."""

from __future__ import annotations

_SPACES = "\xa0\u2007\u2009\u202f\u3000"  # a terminal shows these; Python calls them unprintable


def printable(text: str, kept: str = "\n\t") -> str:
    r"""Return text with every character escaped that a terminal does not show as itself.

    These are control characters (C0 and C1), bidirectional overrides and other invisible ones, and
    lone surrogates. The characters in ``kept`` are not escaped.

    >>> printable("naïve ☃ \x1b[2J\x9b1m \u202egnp.exe")
    'naïve ☃ \\x1b[2J\\x9b1m \\u202egnp.exe'
    """
    if text.isprintable():
        return text
    return "".join(
        char
        if char.isprintable() or char in kept or char in _SPACES
        else char.encode("unicode_escape").decode("ascii")
        for char in text
    )
