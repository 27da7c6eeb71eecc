"""Strings that are hidden in reprs, tracebacks and Django's debug page."""

from __future__ import annotations

import re

_NAMES = re.compile(r"TOKEN|SECRET|PASS|SIGNATURE|PRIVATE|CREDENTIAL|DSN|(^|_)KEY$", re.IGNORECASE)
_PASSWORD = re.compile(r"\w[\w+.-]*://[^/?#]*:[^/?#]*@")
HIDDEN = "**********"


class Secret(str):
    """A string whose ``repr`` is hidden; everything else works on the real value."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"'{HIDDEN}'"


class StandIn(Secret):
    """The placeholder of a required secret while building; never for serving."""

    __slots__ = ()


def looks_secret(name: str) -> bool:
    """Whether a setting's name is that of a secret, as for Django's debug page."""
    return _NAMES.search(name) is not None


def has_password(url: str) -> bool:
    """Whether a URL contains a password."""
    return _PASSWORD.match(url.strip()) is not None
