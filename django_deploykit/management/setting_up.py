"""``manage.py release ENVIRONMENT setup``: shows a plan, then makes hosts ready."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from django_deploykit.errors import DeployKitError
from django_deploykit.management.session import Session, closing, owner, ssh_transports
from django_deploykit.project.inventory import Environment, choose, site_values
from django_deploykit.release.fleet import Fleet
from django_deploykit.release.request import ReleaseRequest
from django_deploykit.release.transports.base import Transport
from django_deploykit.release.transports.openssh import resolve
from django_deploykit.runtime.base.documents import Document
from django_deploykit.runtime.base.errors import HALF_DONE, LIVE, REFUSED, WRONG_USE
from django_deploykit.runtime.bundle.reader import BundleFile
from django_deploykit.runtime.deploy.plan import Plan, Step, setup_plan
from django_deploykit.runtime.deploy.stages import host_problems
from django_deploykit.runtime.wire.events import Activity, Event
from django_deploykit.runtime.wire.facts import FACTS
from django_deploykit.runtime.wire.operating import SETUP, SetupResult
from django_deploykit.runtime.wire.reader import plain


def set_up(session: Session, build: Callable[[], Path]) -> int:
    """Show what setup would do on every host, ask, and do it; return the exit code.

    ``build`` returns the bundle that the hosts are made ready for.
    """
    environment = session.environment
    if environment.local:
        raise DeployKitError(
            "the environment local needs no setup",
            "Name an environment of deploykit.ini that has hosts.",
            WRONG_USE,
        )
    with BundleFile(build()) as bundle:
        manifest = json.loads(bundle.manifest.dumps())
        sample = bundle.read("sample.ini").decode("utf-8")
    with closing(ssh_transports(session.project, environment.hosts, as_root=True)) as opened:
        fleet = Fleet(opened, environment, ReleaseRequest(owner()), session.console)
        return _Setup(session, fleet, manifest, sample).run()


@dataclass
class _Setup:
    """One run on all hosts. ``rows`` has the hosts' answers, ``failed`` their errors."""

    session: Session
    fleet: Fleet
    manifest: object
    sample: str
    rows: dict[str, SetupResult] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def run(self) -> int:
        """Plan, ask, carry out the plan, and print what is left to do."""
        hosts = list(self.fleet.transports)
        answers, errors = self.fleet.each(hosts, lambda one: self._call(one, "--plan"))
        if errors:
            raise host_problems("nothing was changed; these hosts cannot be set up:", errors)
        self.rows = {host: answers[host] for host in hosts}
        plan = setup_plan({host: row.plan for host, row in self.rows.items()})
        for line in plan_lines(plan, hosts):
            self.session.console.print(line)
        if plan.steps and not self.session.options.plan:
            self.session.confirm(f"Do this on {', '.join(plan.hosts('setup'))}?")
            self.fleet.walk(plan.steps, {"setup": self._set_up, "login": self._log_in})
        elif not self.session.options.plan:
            self._log_in(Step("login", tuple(hosts), ""))
        return self._end(plan)

    def _set_up(self, step: Step) -> str:
        done, errors = self.fleet.each(step.hosts, self._call)
        self.rows.update(done)
        self.failed.update(
            {host: f"{one.message}\n{one.hint}".strip() for host, one in errors.items()}
        )
        return ""

    def _log_in(self, step: Step) -> str:
        """Try to log in as a release does, and list what is left to do for that."""
        environment = self.session.environment
        users = deploy_users(self.session.project.inventory, environment)
        hosts = {one.name: one for one in environment.hosts if one.name in step.hosts}
        ready = {name: host for name, host in hosts.items() if name not in self.failed}
        logins = [replace(one, user=self.rows[name].user) for name, one in ready.items()]
        with closing(ssh_transports(self.session.project, logins)) as opened:
            fleet = Fleet(opened, environment, self.fleet.request, self.session.console)
            _, errors = fleet.each(list(ready), lambda one: one.call(FACTS))
        for name, host in ready.items():
            row = self.rows[name]
            left = list(row.left)
            if name in errors:
                left.append(f"let your key log in as {row.user}: {errors[name].message}")
            if name not in users:
                login = f"{row.user}@{host.address}"
                left.append(f"write {login} in deploykit.ini: root must not deploy")
            self.rows[name] = replace(row, left=tuple(left))
        return ""

    def _call(self, transport: Transport, *words: str) -> SetupResult:
        session, name = self.session, transport.name
        host = next(one for one in session.environment.hosts if one.name == name)
        request = {
            "manifest": self.manifest,
            "sample": self.sample,
            "user": deploy_users(session.project.inventory, session.environment).get(name, ""),
            "site": site_values(session.environment, host, session.project.name),
        }

        def show(event: Event) -> None:
            if isinstance(event, Activity) and event.what == "step":
                session.console.note(f"  {name}: {event.of}")

        stream = io.BytesIO(json.dumps(request).encode())
        return transport.call(SETUP, "--request", *words, stream=stream, on_event=show)

    def _end(self, plan: Plan) -> int:
        session = self.session
        rows = {
            host: {**plain(row), "error": self.failed.get(host)} for host, row in self.rows.items()
        }
        code = LIVE
        if self.failed:
            code = HALF_DONE if len(self.failed) < len(rows) else REFUSED
        session.console.emit(
            {
                "environment": session.environment.name,
                "plan": plan.as_json(),
                "hosts": rows,
                "code": code,
            }
        )
        for host, row in rows.items():
            for line in end_lines(host, row, planned=session.options.plan):
                session.console.print(line)
        return code


def deploy_users(inventory: Mapping[str, Environment], environment: Environment) -> dict[str, str]:
    """Return the user that releases log in as, by host. Setup may connect as another user.

    It is the user in deploykit.ini, or else ssh's default. Hosts where it is root are left out.
    """
    written = choose(inventory, environment.name).hosts
    asked = {host.name for host in environment.hosts}
    users = {host.name: host.user or resolve(host).user for host in written if host.name in asked}
    return {name: user for name, user in users.items() if user != "root"}


def plan_lines(plan: Plan, hosts: list[str]) -> list[str]:
    """Return lines about the plan, and about the hosts that need no setup."""
    ready = [host for host in hosts if host not in plan.hosts("setup")]
    return [*plan.lines(), *(f"{host}: is ready; nothing to do" for host in ready)]


def end_lines(host: str, row: Document, *, planned: bool) -> list[str]:
    """Return lines about what is left for the user to do on a host."""
    if row["error"]:
        return [f"{host}: failed: {row['error']}"]
    if not row["left"]:
        return [] if planned else [f"{host}: ready for a release"]
    return [f"{host}: left to do:", *(f"  {one}" for one in row["left"])]
