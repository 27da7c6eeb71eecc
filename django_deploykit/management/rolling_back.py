"""``manage.py release --rollback``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from django_deploykit.errors import Problems
from django_deploykit.management.releasing import local_site, transports
from django_deploykit.release import migrations
from django_deploykit.release.engine import Engine
from django_deploykit.release.facts import Facts
from django_deploykit.release.outcome import Outcome, merge
from django_deploykit.release.rollback import in_the_way, rollback_targets
from django_deploykit.release.transport import Transport
from django_deploykit.runtime.errors import LIVE

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
            rollback_targets([Facts("local", setup=False)])  # raises: no folder, no lock to take
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
    engine.run("settle", hosts, lambda one: one.call("settle"))
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
    found = engine.run("judge", list(targets), lambda one: _blocking(one, targets[one.name]))
    commands = []
    for host, rows in found.items():
        # The commands are run with the code that is live: it alone knows how to go back.
        where = f"--hosts {host} " if len(engine.transports) > 1 else ""
        command = f"./manage.py release {releasing.environment.name} {where}--exec --"
        commands += migrations.reverse_commands(command, rows)
    if commands:
        raise Problems(
            "nothing was changed: migrations were applied that break the older release. "
            "Take them back first:",
            list(dict.fromkeys(commands)),
            "Then run the rollback again. Data in columns that go away is lost: make a backup.",
        )


def _blocking(transport: Transport, target: str) -> tuple[migrations.Database, ...]:
    kin = transport.call("kin", "--release", target)
    if kin["same"]:
        return ()
    rows = migrations.read_databases(transport.call("check", "--release", target)["report"])
    rows = in_the_way(rows, kin.get("judged", {}))
    if not rows:
        return ()
    ours = migrations.read_databases(transport.call("check", "--release", kin["live"])["report"])
    return in_the_way(rows, kin.get("judged", {}), [name for row in ours for name in row.unknown])
