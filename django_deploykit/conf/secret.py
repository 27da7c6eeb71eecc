"""Strings that never show themselves: in a repr, a traceback, Django's debug page."""

from __future__ import annotations

HIDDEN = "**********"


class Secret(str):
    """A string whose ``repr`` is hidden; everything else works on the real value."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"'{HIDDEN}'"


class StandIn(Secret):
    """What a required secret is while there is none: for building, never for serving."""

    __slots__ = ()
