"""Patterns for foreign names that become part of paths, units and arguments."""

from __future__ import annotations

import re

_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_RELEASE = r"[0-9]{8}T[0-9]{6}-[0-9a-f]{7,40}"
_RELEASE_ID = re.compile(_RELEASE + r"\Z")
_RELEASE_IN = re.compile(_RELEASE)
_APP = re.compile(r"[a-z][a-z0-9-]{0,30}\Z")
PROCESS_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}\Z")
HELPERS = "/usr/local/libexec"  # the folder of root's helpers


def is_number(text: str) -> bool:
    """Return whether a text is a number that :func:`int` reads; ``isdigit`` is also true for ``²``."""
    return text.isascii() and text.isdigit() and len(text) < 19


def valid_release_id(text: str) -> bool:
    """Whether ``text`` is safe as a release id: as a file name, a unit's instance, an argument."""
    return bool(_RELEASE_ID.match(text))


def is_older(release: str, other: str) -> bool:
    """Return whether a release's commit was made before another's; both are release ids.

    >>> is_older("20261101T000000-bbbbbbb", "20261102T000000-aaaaaaa")
    True
    """
    return release.partition("-")[0] < other.partition("-")[0]


def release_in(name: str) -> str:
    """Return the release id in a file's name, or an empty string.

    >>> release_in("web-20261123T041500-ab12cd3.log.1")
    '20261123T041500-ab12cd3'
    """
    found = _RELEASE_IN.search(name)
    return found.group() if found else ""


def valid_app(text: str) -> bool:
    """Whether ``text`` is safe as a project's name: as a user, a unit and a folder."""
    return bool(_APP.match(text))


def valid_digest(text: str) -> bool:
    """Whether ``text`` is a SHA-256 in lower-case hexadecimal."""
    return bool(_DIGEST.match(text))


def helper_path(app: str, folder: str = HELPERS) -> str:
    """Return the path of the helper that runs as root for the deploy user of a project."""
    return f"{folder}/deploykit-{app}"
