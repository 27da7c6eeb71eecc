"""``manage.py release ENVIRONMENT --setup``: bare hosts become ready, after the plan was shown."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from django_deploykit.errors import DeployKitError, Problems
from django_deploykit.management.releasing import Releasing, owner
from django_deploykit.project.inventory import (
    Environment,
    Host,
    choose,
    site_values,
)
from django_deploykit.release.engine import Engine
from django_deploykit.release.request import Request
from django_deploykit.release.runtime_archive import runtime_archive
from django_deploykit.release.transports.base import Transport
from django_deploykit.release.transports.ssh import Ssh
from django_deploykit.release.transports.sshconfig import resolve
from django_deploykit.runtime.base.errors import HALF_DONE, LIVE, REFUSED
from django_deploykit.runtime.bundle.reader import BundleFile
from django_deploykit.runtime.wire.events import Activity, Event
from django_deploykit.runtime.wire.facts import FACTS
from django_deploykit.runtime.wire.operating import SETUP, SetupResult
from django_deploykit.runtime.wire.reader import plain


@dataclass(frozen=True)
class Wanted:
    """What every host is asked for: the bundle's manifest and its sample of the configuration."""

    manifest: str
    sample: str


def set_up(releasing: Releasing, path: Path) -> int:
    """Show what setup would do on every host, ask, do it; returns the exit code."""
    environment = releasing.environment
    if environment.local:
        raise DeployKitError(
            "the environment local needs no setup",
            "Name an environment of deploykit.ini that has hosts.",
        )
    with BundleFile(path) as bundle:
        wanted = Wanted(bundle.manifest.dumps(), bundle.read("sample.ini").decode("utf-8"))
    return _Setup(releasing, wanted).run()


class _Setup:
    """One run on all hosts."""

    def __init__(self, releasing: Releasing, wanted: Wanted) -> None:
        self.releasing, self.wanted = releasing, wanted
        self.console = releasing.console
        self.environment = releasing.environment
        self.users = deploy_users(releasing.project.inventory, releasing.environment)

    def run(self) -> int:
        """Plan, ask, do, say what is left."""
        with self._opened(self.environment.hosts, as_root=True) as opened:
            engine = self._engine(opened)
            plans, errors = engine.each(list(opened), lambda one: self._call(one, "--plan"))
            if errors:
                raise Problems(
                    "nothing was changed; these hosts cannot be set up:",
                    [f"{host}: {error.message}" for host, error in errors.items()],
                    "\n".join(dict.fromkeys(one.hint for one in errors.values() if one.hint)),
                )
            changing = [host for host in opened if plans[host].plan]
            for host in opened:
                for line in plan_lines(host, plans[host]):
                    self.console.print(line)
            if self.releasing.options.plan or not changing:
                return self._end({host: plans[host] for host in opened}, {})
            self._ask(changing)
            done, failed = engine.each(changing, self._call)
        return self._end({**plans, **done}, {host: _text(error) for host, error in failed.items()})

    @contextmanager
    def _opened(
        self, hosts: Sequence[Host], *, as_root: bool = False
    ) -> Iterator[dict[str, Transport]]:
        archive = runtime_archive()
        root = Path("/srv") / self.releasing.project.name
        opened = {host.name: Ssh(host, root, archive, as_root=as_root) for host in hosts}
        try:
            yield dict(opened)
        finally:
            for one in opened.values():
                one.close()

    def _engine(self, opened: Mapping[str, Transport]) -> Engine:
        return Engine(opened, self.environment, Request(owner()), self.console)

    def _ask(self, hosts: list[str]) -> None:
        options = self.releasing.options
        if options.noinput:
            return
        if self.console.as_json:
            raise DeployKitError(
                "nothing was changed: with --json nobody can be asked",
                "Add --noinput, or look first with --plan.",
            )
        if not self.console.ask(f"Do this on {', '.join(hosts)}?"):
            raise DeployKitError(
                "nothing was changed", "Answer yes, or use --noinput where nobody can be asked."
            )

    def _call(self, transport: Transport, *words: str) -> SetupResult:
        host = next(one for one in self.environment.hosts if one.name == transport.name)
        request = {
            "manifest": json.loads(self.wanted.manifest),
            "sample": self.wanted.sample,
            "user": self.users.get(host.name, ""),
            "site": site_values(self.environment, host, self.releasing.project.name),
        }
        stream = io.BytesIO(json.dumps(request).encode())

        def tell(event: Event) -> None:
            if isinstance(event, Activity) and event.what == "step":
                self.console.note(f"  {host.name}: {event.of}")

        return transport.call(SETUP, "--request", *words, stream=stream, on_event=tell)

    def _end(self, results: Mapping[str, SetupResult], failed: Mapping[str, str]) -> int:
        planned = self.releasing.options.plan
        rows: dict[str, Any] = {
            host: {**plain(row), "error": failed.get(host)} for host, row in results.items()
        }
        if not planned:
            for host, problem in self._unreachable(results, failed).items():
                rows[host]["left"] = [*rows[host]["left"], problem]
            for one in self.environment.hosts:
                if one.name not in self.users and one.name not in failed:
                    login = f"{rows[one.name]['user']}@{one.address}"
                    rows[one.name]["left"].append(
                        f"write {login} in deploykit.ini: root must not deploy"
                    )
        code = (HALF_DONE if len(failed) < len(results) else REFUSED) if failed else LIVE
        self.console.emit({"environment": self.environment.name, "hosts": rows, "code": code})
        for host, row in rows.items():
            for line in end_lines(host, row, planned=planned):
                self.console.print(line)
        return code

    def _unreachable(
        self, results: Mapping[str, SetupResult], failed: Mapping[str, str]
    ) -> dict[str, str]:
        """Try the login that releases will use; return why it does not work, by host."""
        hosts = [host for host in results if host not in failed]
        users = {host: results[host].user for host in hosts}
        logins = [
            replace(host, user=users[host.name])
            for host in self.environment.hosts
            if host.name in hosts
        ]
        with self._opened(logins) as opened:
            _, errors = self._engine(opened).each(hosts, lambda one: one.call(FACTS))
        return {
            host: f"let your key log in as {users[host]}: {error.message}"
            for host, error in errors.items()
        }


def deploy_users(inventory: Mapping[str, Environment], environment: Environment) -> dict[str, str]:
    """Return who releases log in as on each host, by its name, whoever connects for setup.

    That is the user who is written, else ssh's own; root is nobody to deploy as and is left out.
    """
    written = choose(inventory, environment.name).hosts
    asked = {host.name for host in environment.hosts}
    users = {host.name: host.user or resolve(host).user for host in written if host.name in asked}
    return {name: user for name, user in users.items() if user != "root"}


def plan_lines(host: str, row: SetupResult) -> list[str]:
    """Return a host's plan in words."""
    if not row.plan:
        return [f"{host}: is ready; nothing to do"]
    return [f"{host}:", *(f"  {step}" for step in row.plan)]


def end_lines(host: str, row: Mapping[str, Any], *, planned: bool) -> list[str]:
    """Return what is left for a person to do on a host."""
    if row["error"]:
        return [f"{host}: failed: {row['error']}"]
    if not row["left"]:
        return [] if planned else [f"{host}: ready for a release"]
    return [f"{host}: left to do:", *(f"  {one}" for one in row["left"])]


def _text(error: DeployKitError) -> str:
    return f"{error.message}\n{error.hint}".strip()
