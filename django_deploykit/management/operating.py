"""The actions ``status``, ``history``, ``exec``, ``cancel`` and ``stop``."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from typing import TypeVar

from django_deploykit.errors import DeployKitError
from django_deploykit.management.captured import captured
from django_deploykit.management.concluding import show_plan
from django_deploykit.management.engine import Answers
from django_deploykit.management.session import Session
from django_deploykit.release.transports.base import Transport
from django_deploykit.runtime.base.errors import LIVE, WRONG_USE
from django_deploykit.runtime.deploy.plan import Plan, Step
from django_deploykit.runtime.deploy.stages import host_problems
from django_deploykit.runtime.wire.journal import JournalRecord
from django_deploykit.runtime.wire.operating import CANCEL, END, HISTORY, STATUS, HostStatus
from django_deploykit.runtime.wire.reader import plain

T = TypeVar("T")


def status(session: Session) -> Answers[HostStatus]:
    """Return what is live on every host."""
    return _each(session, lambda one: one.call(STATUS))


def history(session: Session) -> Answers[tuple[JournalRecord, ...]]:
    """Return the journal of every host."""
    return _each(session, lambda one: one.call(HISTORY).records)


def _each(session: Session, work: Callable[[Transport], T]) -> Answers[T]:
    """Return the result or the error of every host, in the order of the hosts."""
    with session.opened() as fleet:
        hosts = list(fleet.transports)
        done, errors = fleet.each(hosts, work)
    return {host: done[host] if host in done else errors[host] for host in hosts}


def run_command(session: Session, words: Sequence[str], release: str = "") -> int:
    """Run a Django command on the first host; return its exit code.

    It runs in the staged ``release``, or in the live one if that is empty.
    """
    if session.options.plan:
        hosts = tuple(host.name for host in session.environment.hosts[:1]) or ("local",)
        return show_plan(session, one_step("exec", hosts, f"run {shlex.join(words)}"))
    which = ("--release", release) if release else ()
    return _attach(session, "exec", *which, "--", *words)


def _attach(session: Session, verb: str, *arguments: str) -> int:
    """Run a verb on the first host, on the user's terminal; return its exit code."""
    console, environment = session.console, session.environment
    session.validate_local(arguments[1] if "--release" in arguments[:1] else "")
    with session.opened() as fleet:
        first = next(iter(fleet.transports.values()))
        if len(fleet.transports) > 1:
            console.note(f"on {first.name}; choose another host with --hosts")
        if not console.as_json:
            return first.attach(verb, *arguments)
        done = captured(lambda: first.attach(verb, *arguments))
    console.emit({"environment": environment.name, "host": first.name, **vars(done)})
    return done.code


def cancel(session: Session, command: str) -> int:
    """End a command that runs on one of the hosts; return the exit code."""
    with session.opened() as fleet:
        hosts = list(fleet.transports)
        if session.options.plan:
            found, errors = fleet.each(hosts, lambda one: one.call(STATUS, "--quick").commands)
            steps = tuple(
                Step("cancel", (host,), f"end `{one.name}` of {one.release}")
                for host, rows in found.items()
                for one in rows
                if one.id == command
            )
            if errors:
                raise host_problems("nothing was changed; these hosts did not answer:", errors)
            plan = Plan("cancel", "", steps, {})
            return show_plan(session, plan, f"no command {command} runs")
        done, errors = fleet.each(hosts, lambda one: one.call(CANCEL, command))
    if not done:
        raise host_problems("nothing was changed:", errors)
    session.console.emit({"environment": session.environment.name, "canceled": plain(done)})
    for host, result in done.items():
        one = result.canceled
        session.console.print(f"{host}: `{one.name}` of {one.release} was ended")
    return LIVE


def stop(session: Session) -> int:
    """Stop the site of ``local``; return the exit code."""
    if not session.environment.local:
        app = session.project.name
        raise DeployKitError(
            "stop is for the environment local",
            f"On a server: sudo systemctl stop {app}.service {app}.socket",
            WRONG_USE,
        )
    with session.opened() as fleet:
        local = fleet.transports["local"]
        if session.options.plan:
            active = [one.process for one in local.call(STATUS).instances if one.active]
            what = f"stop {', '.join(active)}" if active else ""
            return show_plan(session, one_step("stop", ("local",), what), "nothing is running")
        ended = local.call(END).ended
    session.console.print("stopped" if ended else "nothing was running")
    session.console.emit({"environment": "local", "stopped": ended})
    return LIVE


def one_step(action: str, hosts: tuple[str, ...], what: str) -> Plan:
    """Return a plan of one step, or of none if there is nothing to do (an empty ``what``)."""
    return Plan(action, "", (Step(action, hosts, what),) if what else (), {})
