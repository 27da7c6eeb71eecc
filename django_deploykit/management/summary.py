"""The lines that ``manage.py release`` prints: how it ended, the status and the history."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field

from django_deploykit.management.commits import cut
from django_deploykit.progress import in_bytes
from django_deploykit.release.outcome import Outcome, finding_line
from django_deploykit.runtime.base.errors import HALF_DONE, LIVE, REFUSED
from django_deploykit.runtime.base.moments import utc
from django_deploykit.runtime.base.names import valid_release_id
from django_deploykit.runtime.wire.journal import JournalRecord
from django_deploykit.runtime.wire.operating import HostStatus

_MOST = 5  # warnings to show at the end of a release, at most
_WIDTH = 80  # columns of our lines, at most
Line = tuple[str, str]  # a line and its mood: "good", "bad", "head" or ""


@dataclass(frozen=True)
class Ending:
    """What the lines about a release's end need besides its outcome.

    ``size`` is the bundle's size in bytes, or 0 for a rollback. ``commits`` are lines about added
    and removed commits. ``built`` is how many of the ``seconds`` the build took. ``action`` is
    ``release`` or ``rollback``. ``url`` answers in a browser; without one, ``elsewhere`` says where
    the site answers.
    """

    environment: str
    seconds: float
    size: int = 0
    url: str = ""
    commits: Sequence[str] = field(default=())
    built: float = 0.0
    action: str = "release"
    elsewhere: str = ""


def summary(outcome: Outcome, ending: Ending) -> list[Line]:
    """Return the lines about a release's end: what is live where, what changed, how to go back.

    Errors are not among them: they are printed once, in full.
    """
    if outcome.code == LIVE:
        head = (f"{outcome.release} is live on {_where(outcome, ending)}", "good")
    elif outcome.code == HALF_DONE:
        head = (f"{outcome.release} failed and was not wholly taken back", "bad")
    elif outcome.code == REFUSED:
        head = (f"{outcome.release} was refused; nothing was switched", "bad")
    else:
        head = (f"{outcome.release} failed and was taken back", "bad")
    lines = [head, *((f"  {line}", "") for line in _table(outcome))]
    if outcome.code == LIVE:
        lines += [(f"  {line}", "") for line in ending.commits]
    lines += [(f"  {line}", "") for line in _figures(outcome, ending)]
    lines += [(f"  {line}", "bad") for line in _warnings(outcome)]
    if outcome.code == LIVE and (ending.url or ending.elsewhere):
        lines.append((f"  {ending.url or ending.elsewhere}", "head"))
    return [*lines, *((f"  {line}", "") for line in _next(outcome, ending))]


def _warnings(outcome: Outcome) -> list[str]:
    """Return the warnings of the hosts and of their deploy_check, each warning once."""
    lines = [f"warning: {cut(one, 3 * _WIDTH)}" for one in outcome.warnings]
    if outcome.code != LIVE:
        return lines
    found = {
        cut(f"warning: {finding_line(one)}", 3 * _WIDTH): None
        for one in outcome.findings
        if str(one.get("level", "")).lower() == "warning"
    }
    more = [f"and {len(found) - _MOST} more warnings"] if len(found) > _MOST else []
    return [*lines, *list(found)[:_MOST], *more]


def _first(text: str) -> str:
    return next(iter(text.splitlines()), "failed")


def _where(outcome: Outcome, ending: Ending) -> str:
    hosts = list(outcome.live)
    if len(hosts) == 1:
        return hosts[0]
    return f"{ending.environment}, {len(hosts)} hosts"


def _table(outcome: Outcome) -> list[str]:
    rows = [("host", "live now", "before", "sent")]
    for host, live in outcome.live.items():
        before = outcome.before.get(host)
        sent = in_bytes(outcome.bytes[host]) if host in outcome.bytes else ""
        rows.append((host, _now(outcome, host), _then(live, before), sent))
    return columns(rows)


def _now(outcome: Outcome, host: str) -> str:
    live = outcome.live[host]
    if live is None:
        return "unknown" if outcome.code == HALF_DONE and outcome.before.get(host) else "nothing"
    return live


def _then(live: str | None, before: str | None) -> str:
    return "the same" if live is not None and live == before else before or "nothing"


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as aligned lines, without columns that are empty below their heading.

    >>> columns([("host", "sent"), ("web1", ""), ("w", "")])
    ['host', 'web1', 'w']
    """
    used = [place for place in range(len(rows[0])) if any(row[place] for row in rows[1:])]
    widths = {place: max(len(row[place]) for row in rows) for place in used}
    return ["  ".join(f"{row[place]:<{widths[place]}}" for place in used).rstrip() for row in rows]


def _figures(outcome: Outcome, ending: Ending) -> list[str]:
    lines = []
    if ending.size and outcome.bytes:
        total = sum(outcome.bytes.values())
        lines.append(f"sent {in_bytes(total)}; the bundle has {in_bytes(ending.size)}")
    if outcome.migrated:
        named = f"migrated {', '.join(outcome.migrated)}"
        count = f"migrated {len(outcome.migrated)} databases"
        lines.append(named if len(named) < _WIDTH else count)
    parts = {"build": ending.built, **outcome.seconds}
    longest = sorted(parts.items(), key=lambda item: -item[1])[:3]
    most = ", ".join(f"{name} {seconds:.1f}" for name, seconds in longest if seconds >= 0.05)
    lines.append(f"took {ending.seconds:.1f} s{f' (most of it: {most})' if most else ''}")
    return lines


def _next(outcome: Outcome, ending: Ending) -> list[str]:
    command = " ".join(
        ["manage.py release", *([ending.environment] if ending.environment != "local" else [])]
    )
    if outcome.code == LIVE:
        return _way_back(outcome, ending, command)
    if outcome.code == HALF_DONE:
        return [f"see what is where: {command} status; then run the same command again"]
    lines = []
    if outcome.migrated:
        serves = any(outcome.live.values())
        lines.append(
            f"the migrations stay applied{'; the release that serves ran on them' if serves else ''}"
        )
    if not any(outcome.live.values()):
        lines.append("nothing serves yet: correct the error above and run the same command again")
    return lines


def _way_back(outcome: Outcome, ending: Ending, command: str) -> list[str]:
    """Return the command that undoes a release or a rollback, if there is one."""
    if ending.action == "release":
        works = outcome.back and all(outcome.back.get(host) for host in outcome.live)
        return [f"to go back: {command} rollback"] if works else []
    # What was rolled back is still staged, but `rollback` by itself would go further back.
    left = {outcome.before.get(host) for host, live in outcome.live.items()} - {outcome.release}
    ids = [one for one in left if one and valid_release_id(one)]  # they come from hosts
    return [f"to undo this: {command} rollback {ids[0]}"] if len(left) == len(ids) == 1 else []


def status_lines(host: str, row: HostStatus) -> list[str]:
    """Return the lines of a host's status."""
    if row.answers:
        lines = [f"{host}: {row.live} is live on {row.listen}"]
    elif row.live:
        lines = [f"{host}: {row.live} does not answer on {row.listen}: {row.problem}"]
    else:
        lines = [f"{host}: nothing is live on {row.listen}"]
    for one in row.instances:
        state = "runs" if one.active else "does not run"
        again = f", restarted {one.restarts} times" if one.restarts else ""
        lines.append(f"  {one.process} of {one.release} {state}{again}")
    others = [release for release in row.staged if release != row.live]
    if others:
        lines.append(f"  staged too: {', '.join(others)}")
    if row.interrupted:
        lines.append("  a switch was interrupted; the next release settles it")
    if row.lock:
        lines.append(f"  locked by {row.lock.owner}: {row.lock.what}")
    for command in row.commands:
        lines.append(
            f"  `{command.name}` of {command.release} runs since {utc(command.since)} UTC;"
            f" its ID for `cancel` is {shlex.quote(command.id)}"
        )
    for path in row.changed[:20]:
        lines.append(f"  drift: {path} was changed by hand")
    lines += [f"  drift: {unit}" for unit in row.drift]
    lines += [f"  warning: {text}" for text in row.warnings]
    return lines


def history_line(record: JournalRecord) -> str:
    """Return a journal record as one line."""
    took = "" if record.seconds is None else f" in {record.seconds:.1f} s"
    why = f": {_first(record.why)}" if record.why else ""
    if record.databases:
        why += f"; in the database: {record.databases}"
    return (
        f"{utc(record.time)}  {record.action:<9} {record.release}  "
        f"{record.result}{took}  by {record.owner or '?'}{why}"
    )
