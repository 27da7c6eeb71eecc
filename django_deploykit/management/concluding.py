"""Prints the plan of a release or a rollback, or how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from django_deploykit.management.commits import brought
from django_deploykit.management.session import LOCAL_LISTEN, Session
from django_deploykit.management.summary import Ending, summary
from django_deploykit.release.outcome import Outcome
from django_deploykit.runtime.base.errors import LIVE
from django_deploykit.runtime.deploy.plan import Plan


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
