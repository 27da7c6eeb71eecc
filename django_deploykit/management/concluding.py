"""Prints what an action planned, found or did."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict

from django_deploykit.errors import DeployKitError
from django_deploykit.management.commits import brought
from django_deploykit.management.engine import Answers, Change
from django_deploykit.management.session import LOCAL_LISTEN, Session
from django_deploykit.management.summary import Ending, history_line, status_lines, summary
from django_deploykit.release.outcome import Outcome
from django_deploykit.runtime.base.errors import LIVE, REFUSED
from django_deploykit.runtime.deploy.plan import Plan
from django_deploykit.runtime.wire.journal import JournalRecord
from django_deploykit.runtime.wire.operating import HostStatus
from django_deploykit.runtime.wire.reader import plain


def carry_out(session: Session, opened: AbstractContextManager[Change]) -> int:
    """Carry out a change, or with ``--plan`` only print its plan; return the exit code."""
    with opened as change:
        plan = change.plan
        if session.options.plan:
            return show_plan(session, plan)
        outcome = change.carry_out() if plan.steps else None
        if outcome is None:
            return show_nothing_to_do(session, plan.release, list(plan.live) or plan.hosts("lock"))
    seconds = time.monotonic() - change.begun
    return conclude(session, outcome, seconds, commit=change.commit, size=change.size)


def show_status(session: Session, hosts: Answers[HostStatus]) -> int:
    """Print what is live on every host; return the exit code, 1 if a site does not answer."""
    rows, lines, answers = {}, [], True
    for host, one in hosts.items():
        if isinstance(one, DeployKitError):
            rows[host], answers = {"error": one.message}, False
            lines.append(f"{host}: {one.message}")
        else:
            rows[host], answers = plain(one), answers and one.answers
            lines += status_lines(host, one)
    session.console.emit({"environment": session.environment.name, "hosts": rows})
    for line in lines:
        session.console.print(line)
    return LIVE if answers else REFUSED


def show_history(session: Session, hosts: Answers[tuple[JournalRecord, ...]]) -> int:
    """Print the records of every host; return the exit code."""
    done = {host: one for host, one in hosts.items() if not isinstance(one, DeployKitError)}
    session.console.emit({"environment": session.environment.name, "hosts": plain(done)})
    for host, records in done.items():
        session.console.print(f"{host}:" if len(hosts) > 1 else "")
        for record in records:
            session.console.print(f"  {history_line(record)}")
    for host, one in hosts.items():
        if isinstance(one, DeployKitError):
            session.console.note(f"{host}: {one.message}")
    return LIVE if len(done) == len(hosts) else REFUSED


def show_plan(session: Session, plan: Plan, nothing: str = "") -> int:
    """Print a plan; return the exit code. ``nothing`` says why a plan has no steps."""
    for line in plan.lines() or [f"nothing to do: {nothing or f'{plan.release} is live'}"]:
        session.console.print(line)
    session.console.emit({"environment": session.environment.name, "plan": plan.as_json()})
    return LIVE


def show_nothing_to_do(session: Session, release: str, hosts: Sequence[str]) -> int:
    """Say that a release is live already; return the exit code."""
    session.console.print(f"nothing to do: {release} is live on {', '.join(hosts)}")
    session.console.emit(
        {
            "environment": session.environment.name,
            "release": release,
            "changed": False,
            "live": dict.fromkeys(hosts, release),
            "code": LIVE,
        }
    )
    return LIVE


def conclude(
    session: Session, outcome: Outcome, seconds: float, *, commit: str = "", size: int = 0
) -> int:
    """Print how a release or a rollback ended; return the exit code.

    ``size`` is the bundle's size in bytes, or 0 for a rollback.
    """
    console, environment = session.console, session.environment
    session.record.url = session.url() if any(outcome.live.values()) else ""
    data = {
        "environment": environment.name,
        "commit": commit,
        "bundle_size": size,
        "total_seconds": round(seconds, 3),
        "changed": outcome.code == LIVE,
        "url": session.record.url,
        "latency": [one.as_json() for one in session.record.latencies],
        **asdict(outcome),
    }
    console.emit(data)
    for host, error in outcome.errors.items():
        console.complain(f"{host}: {error}")
    before = next((one for one in outcome.before.values() if one), None)
    commits = brought(session.project.root, before, outcome.release)
    session.record.outcome, session.record.commits = outcome, commits
    ending = Ending(
        environment.name,
        console.seconds(),
        size,
        session.record.url,
        commits,
        session.built,
        session.record.action,
        _where_it_answers(session, outcome),
    )
    for line, mood in summary(outcome, ending):
        console.print(line, mood)
    return outcome.code


def _where_it_answers(session: Session, outcome: Outcome) -> str:
    """Return where the site of ``local`` answers, if no browser on this machine can show it."""
    host = outcome.answered.get("local")
    if not session.environment.local or session.record.url or not host:
        return ""
    listen = session.environment.listen or LOCAL_LISTEN
    return f"it answers on {listen} to the host name {host}, as a proxy in front would ask"
