"""Chooses the release that each host rolls back to (pure)."""

from __future__ import annotations

from typing import Dict, List, Mapping

from ..base.errors import Problems
from ..base.hints import rollback_command
from ..wire.facts import HostFacts
from .readiness import serves


def rollback_targets(facts: Mapping[str, HostFacts], release: str = "") -> Dict[str, str]:
    """Return the release that each host goes back to: ``release``, or its last good one if empty.

    Hosts that already serve that release are left out. Raises :class:`Problems` if a host has no
    release to go back to.
    """
    problems: List[str] = []
    targets: Dict[str, str] = {}
    others = False  # whether another release could be named
    for host, one in facts.items():
        target = release or one.last_good
        staged = ", ".join(one.staged) or "nothing"
        if not one.setup or one.live is None:
            problems.append(f"{host}: nothing is live there")
        elif target is None:
            problems.append(f"{host}: there is no earlier good release; staged: {staged}")
            others = others or any(name != one.live for name in one.staged)
        elif target not in one.staged:
            problems.append(f"{host}: {target} is not there; staged: {staged}")
            others = True
        elif not serves(one, target):
            targets[host] = target
    if problems:
        hint = f"To go live with another staged release: {rollback_command('ID')}" if others else ""
        raise Problems("nothing was changed; these hosts cannot be rolled back:", problems, hint)
    return targets
