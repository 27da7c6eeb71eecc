"""``manage.py release --rollback``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from django_deploykit.management.releasing import local_site, transports
from django_deploykit.release.downgrade import blocking, refuse
from django_deploykit.release.engine import Engine
from django_deploykit.release.facts import Facts
from django_deploykit.release.outcome import Outcome, merge
from django_deploykit.release.rollback import rollback_targets
from django_deploykit.runtime.base.errors import LIVE
from django_deploykit.runtime.wire.releasing import SETTLE

if TYPE_CHECKING:
    from django_deploykit.management.releasing import Releasing


def roll_back(releasing: Releasing, release: str) -> int:
    """Go back to a release that is staged on every host; "" is the last good one of each."""
    with transports(releasing.project, releasing.environment) as opened:
        engine = releasing.engine(opened)
        if releasing.options.plan:
            return _show(releasing, rollback_targets(engine.facts(""), release))
        if (
            releasing.environment.local
            and not local_site(releasing.project, releasing.environment).root.is_dir()
        ):
            rollback_targets(
                [Facts(host="local", setup=False)]
            )  # raises: no folder, no lock to take
        with engine.locks("rolling back", "") as facts:
            now = _settled(engine, facts)
            targets = rollback_targets(now, release)
            _judge(releasing, engine, targets)
            outcome = _switch(releasing, engine, targets, {one.host: one.live for one in now})
    return releasing.conclude(outcome, "", 0, sum(outcome.seconds.values()))


def _show(releasing: Releasing, targets: Mapping[str, str]) -> int:
    for host, target in targets.items():
        releasing.console.print(f"switch   {host}: {target} takes over")
    releasing.console.emit({"environment": releasing.environment.name, "rollback": dict(targets)})
    return LIVE


def _settled(engine: Engine, facts: Sequence[Facts]) -> Sequence[Facts]:
    """Finish or revert switches that were interrupted: only then it is clear what is live."""
    hosts = [one.host for one in facts if one.switching]
    if not hosts:
        return facts
    engine.run("settle", hosts, lambda one: one.call(SETTLE))
    return engine.facts("", step="")


def _switch(
    releasing: Releasing,
    engine: Engine,
    targets: Mapping[str, str],
    live: Mapping[str, str | None],
) -> Outcome:
    outcome: Outcome | None = None
    for target in dict.fromkeys(targets.values()):
        hosts = [host for host, one in targets.items() if one == target]
        releasing.hook_facts["release"] = target
        part = engine.switch_only(hosts, target, "rollback", {host: live[host] for host in hosts})
        outcome = part if outcome is None else merge(outcome, part)
        if part.errors:
            break
    assert outcome is not None
    return outcome


def _judge(releasing: Releasing, engine: Engine, targets: Mapping[str, str]) -> None:
    """Refuse where migrations were applied that the older code cannot live with."""
    found = engine.run("judge", list(targets), lambda one: blocking(one, targets[one.name]))
    refuse(
        found,
        releasing.environment.name,
        len(engine.transports) > 1,
        "nothing was changed",
        "run the rollback again",
    )
