"""``manage.py release ENVIRONMENT teardown``: shows a plan, then takes the site off its hosts."""

from __future__ import annotations

from collections.abc import Mapping

from django_deploykit.errors import DeployKitError
from django_deploykit.management.session import Session, closing, owner, ssh_transports
from django_deploykit.release.fleet import Fleet
from django_deploykit.release.request import ReleaseRequest
from django_deploykit.release.transports.base import Transport
from django_deploykit.runtime.base.errors import HALF_DONE, LIVE, REFUSED, WRONG_USE
from django_deploykit.runtime.deploy.plan import Plan, Step, teardown_plan
from django_deploykit.runtime.deploy.stages import host_problems
from django_deploykit.runtime.wire.events import Activity, Event
from django_deploykit.runtime.wire.operating import REMOVE, RemoveResult
from django_deploykit.runtime.wire.reader import plain


def tear_down(session: Session, *, data: bool) -> int:
    """Show what would be removed from every host, ask, and do it; return the exit code.

    With ``data``, the data and the configuration are removed too.
    """
    environment = session.environment
    if environment.local:
        raise DeployKitError(
            "the environment local needs no teardown",
            "Run manage.py release stop, then remove the folder .deploykit/local.",
            WRONG_USE,
        )
    with closing(ssh_transports(session.project, environment.hosts, as_root=True)) as opened:
        return remove_site(
            session, Fleet(opened, environment, ReleaseRequest(owner()), session.console), data
        )


def remove_site(session: Session, fleet: Fleet, data: bool) -> int:
    """Plan, ask, carry out the plan, and print what stays; return the exit code."""
    words = ("--data",) if data else ()
    hosts = list(fleet.transports)
    found, errors = fleet.each(hosts, lambda one: _call(session, one, "--plan", *words))
    if errors:
        raise host_problems("nothing was removed; these hosts did not answer:", errors)
    rows = {host: found[host] for host in hosts}
    plan = teardown_plan({host: row.plan for host, row in rows.items()}, data)
    for line in plan.lines() or ["nothing to do: the site is on none of these hosts"]:
        session.console.print(line)
    failed: dict[str, DeployKitError] = {}

    def remove(step: Step) -> str:
        done, errors = fleet.each(step.hosts, lambda one: _call(session, one, "--noinput", *words))
        rows.update(done)
        failed.update(errors)
        return ""

    if plan.steps and not session.options.plan:
        session.confirm(f"Remove {session.project.name} from {', '.join(plan.hosts('remove'))}?")
        fleet.walk(plan.steps, {"remove": remove})
    return _end(session, plan, rows, failed)


def _call(session: Session, transport: Transport, *words: str) -> RemoveResult:
    """Run the verb, and show its steps."""

    def show(event: Event) -> None:
        if isinstance(event, Activity) and event.what == "step":
            session.console.note(f"  {transport.name}: {event.of}")

    return transport.call(REMOVE, *words, on_event=show)


def _end(
    session: Session,
    plan: Plan,
    rows: Mapping[str, RemoveResult],
    failed: Mapping[str, DeployKitError],
) -> int:
    code = LIVE if not failed else HALF_DONE if len(failed) < len(plan.hosts("remove")) else REFUSED
    errors = {host: f"{one.message}\n{one.hint}".strip() for host, one in failed.items()}
    found = {host: {**plain(row), "error": errors.get(host)} for host, row in rows.items()}
    session.console.emit(
        {
            "environment": session.environment.name,
            "plan": plan.as_json(),
            "hosts": found,
            "code": code,
        }
    )
    for host, row in rows.items():
        for line in end_lines(host, row, errors.get(host, ""), planned=session.options.plan):
            session.console.print(line)
    return code


def end_lines(host: str, row: RemoveResult, error: str, *, planned: bool) -> list[str]:
    """Return lines about what happened on a host, and what stays there."""
    if error:
        return [f"{host}: failed: {error}", "  Run the same command again."]
    stays = [f"{host}: {'would stay' if planned else 'stays'}: {path}" for path in row.kept]
    return [*([f"{host}: removed"] if row.changed else []), *stays]
