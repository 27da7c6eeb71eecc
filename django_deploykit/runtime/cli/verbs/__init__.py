"""The host verbs, grouped by purpose."""

from __future__ import annotations

from typing import List, Optional

from ..registry import VERBS, Verb

# The verbs that people call, in the order of ``--help``. Releases call the others.
_FOR_PEOPLE = (
    *("setup", "install", "status", "rollback", "restart", "logs", "exec", "history", "cancel"),
    *("prune", "end", "webserver", "install-webserver", "runbook", "info", "verify", "remove"),
)


def find_verb(name: str) -> Optional[Verb]:
    """Return a verb. A release's verbs are loaded first, so that they start fast."""
    from . import releasing  # noqa: F401

    if name not in VERBS:
        from . import bundle, inner, operating, packages, webserver  # noqa: F401
    return VERBS.get(name)


def is_for_people(name: str) -> bool:
    """Whether people call a verb, which then answers in text unless JSON is requested."""
    return name in _FOR_PEOPLE


def all_verbs() -> List[Verb]:
    """Return all verbs, sorted by name."""
    find_verb("")
    return [VERBS[name] for name in sorted(VERBS)]


def verbs_for_people() -> List[Verb]:
    """Return the verbs that people call, the ones for the beginning first."""
    find_verb("")
    return [VERBS[name] for name in _FOR_PEOPLE]
