"""The host verbs, by what they are for."""

from __future__ import annotations

from typing import List, Optional

from ..registry import VERBS, Verb


def find_verb(name: str) -> Optional[Verb]:
    """Return a verb. Those that a release calls are loaded first: they need not wait for the rest."""
    from . import releasing  # noqa: F401

    if name not in VERBS:
        from . import bundle, inner, operating  # noqa: F401
    return VERBS.get(name)


def all_verbs() -> List[Verb]:
    """Return all verbs by their names."""
    find_verb("")
    return [VERBS[name] for name in sorted(VERBS)]
