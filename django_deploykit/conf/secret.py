"""Which settings are secret, and strings that are hidden in reprs, tracebacks and debug pages."""

from __future__ import annotations

import re

# Patterns are compiled when they are first needed, because that takes longer than to import this
# module.
_WHOLE_WORD = "_AUTH_|_KEYS?_(?!PREFIX_|FUNCTION_)|_PIN_|_CERT_"
_KINDS = ("secret", "database", "cache", "email")
_LOGIN = r"\w[\w+.-]*://[^/?#]*:[^/?#]*@"
_ASSIGNED = r"\b([\w-]+)[\"']?\s*[:=]\s*[^\s,\[\](){}]"
HIDDEN = "**********"
# What a required secret is while building. It is never used to serve requests.
PLACEHOLDER = "placeholder for building, never for serving " * 2


class Secret(str):
    """A string with a hidden ``repr``. Everything else works on the real value."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"'{HIDDEN}'"


def looks_secret(name: str) -> bool:
    """Whether a setting's name suggests a secret.

    The rules are those of Django's debug page, and more: service accounts, salts, plural keys. They
    are written out, because this runs for each text setting and a loop takes half as long again.
    """
    upper = name.upper()
    if "TOKEN" in upper or "SECRET" in upper or "PASS" in upper or "PWD" in upper:
        return True
    if "SIGNATURE" in upper or "PRIVATE" in upper or "CREDENTIAL" in upper or "DSN" in upper:
        return True
    if "SALT" in upper or "SERVICE_ACCOUNT" in upper or "SERVICEACCOUNT" in upper:
        return True
    if "APIKEY" in upper or "API_KEY" in upper or "WEBHOOK" in upper:
        return True
    if "KEY" in upper or "AUTH" in upper or "PIN" in upper or "CERT" in upper:
        return re.search(_WHOLE_WORD, f"_{upper}_") is not None
    return False


def is_secret(kind: str, name: str) -> bool:
    """Whether a setting is secret, by its reader and its name."""
    return kind in _KINDS or looks_secret(name)


def has_password(url: str) -> bool:
    """Whether a URL contains a password."""
    return re.match(_LOGIN, url.strip()) is not None


def holds_secret(text: str) -> bool:
    """Whether a text contains a secret, whatever the setting's name is.

    That is a login in a URL, a private key, or a value with the name of a secret, as in JSON.
    """
    if re.search(r"://\S*@|-----BEGIN", text):
        return True
    return any(looks_secret(name) for name in re.findall(_ASSIGNED, text))


def hide(value: object, *, everything: bool) -> object:
    """Return a JSON value with hidden strings: all of them, or those with the name of a secret."""
    if isinstance(value, str):
        return Secret(value) if everything else value
    if isinstance(value, list):
        return [hide(one, everything=everything) for one in value]
    if isinstance(value, dict):
        return {
            key: hide(one, everything=everything or looks_secret(key)) for key, one in value.items()
        }
    return value
