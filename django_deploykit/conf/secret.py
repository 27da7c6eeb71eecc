"""Strings that are hidden in reprs, tracebacks and Django's debug page."""

from __future__ import annotations

import re

_NAMES = re.compile(r"TOKEN|SECRET|PASS|SIGNATURE|PRIVATE|CREDENTIAL|DSN|(^|_)KEY$", re.IGNORECASE)
_PASSWORD = re.compile(r"\w[\w+.-]*://[^/?#]*:[^/?#]*@")
HIDDEN = "**********"


class Secret(str):
    """A string with a hidden ``repr``. Everything else works on the real value."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"'{HIDDEN}'"


class StandIn(Secret):
    """The placeholder for a required secret while building. It is never used to serve requests."""

    __slots__ = ()


def looks_secret(name: str) -> bool:
    """Whether a setting's name suggests a secret, by the rules of Django's debug page."""
    return _NAMES.search(name) is not None


def has_password(url: str) -> bool:
    """Whether a URL contains a password."""
    return _PASSWORD.match(url.strip()) is not None
