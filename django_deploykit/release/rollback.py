"""Where a rollback goes, and what stands in its way (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from django_deploykit.errors import Problems
from django_deploykit.release.facts import Facts
from django_deploykit.release.migrations import Database


def rollback_targets(facts: Sequence[Facts], release: str = "") -> dict[str, str]:
    """Return to which release each host goes back; raises for all hosts that cannot.

    "" is the last good release of each. Hosts that serve the release already are left out.
    """
    problems, targets = [], {}
    for one in facts:
        target = release or one.last_good
        staged = ", ".join(one.staged) or "nothing"
        if not one.setup or one.live is None:
            problems.append(f"{one.host}: nothing is live there")
        elif target is None:
            problems.append(f"{one.host}: there is no earlier good release; staged: {staged}")
        elif target not in one.staged:
            problems.append(f"{one.host}: {target} is not there; staged: {staged}")
        elif target != one.live:
            targets[one.host] = target
    if not problems and not targets:
        problems = [f"{one.host}: {one.live} is live already" for one in facts]
    if problems:
        raise Problems("nothing was changed; there is nothing to go back to:", problems)
    return targets


def in_the_way(
    rows: Sequence[Database], judged: Mapping[str, bool], known: Sequence[str] = ()
) -> tuple[Database, ...]:
    """Return the databases with migrations that forbid a rollback, and only those migrations' apps.

    ``judged`` says of migrations whether they break older code, as the release that ran them was
    told; one that nobody judged counts as breaking. ``known`` are names that neither release knows:
    they were there before. An app is taken back as a whole, so its harmless ones are listed too.
    """
    found = []
    for row in rows:
        unknown = [name for name in row.unknown if name not in known]
        bad = {name.partition(".")[0] for name in unknown if judged.get(name, True)}
        listed = tuple(name for name in unknown if name.partition(".")[0] in bad)
        if listed:
            found.append(replace(row, unknown=listed))
    return tuple(found)
