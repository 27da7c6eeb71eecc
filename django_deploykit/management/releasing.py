"""What ``manage.py release`` does, put together from the parts; the command only parses."""

from __future__ import annotations

import contextlib
import getpass
import io
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from django_deploykit.bundle.stores import DEFAULT, STORES
from django_deploykit.errors import DeployKitError
from django_deploykit.management.captured import captured
from django_deploykit.management.commits import brought
from django_deploykit.management.console import Console
from django_deploykit.management.reporting import Record
from django_deploykit.management.summary import Ending, history_line, status_lines, summary
from django_deploykit.project import Project
from django_deploykit.project.inventory import Environment, Host, site_values
from django_deploykit.release.engine import Engine
from django_deploykit.release.facts import Facts
from django_deploykit.release.hooks import run_hooks
from django_deploykit.release.latency import Watched
from django_deploykit.release.outcome import Outcome
from django_deploykit.release.plan import Plan, all_refusals, in_words, make_plan
from django_deploykit.release.prefetch import Early
from django_deploykit.release.request import Request
from django_deploykit.release.runtime_archive import runtime_archive
from django_deploykit.release.transports.base import Transport
from django_deploykit.release.transports.local import Local
from django_deploykit.release.upload import Sender, fitting_signature, travelling_sizes
from django_deploykit.runtime.base.errors import LIVE
from django_deploykit.runtime.base.site import Site
from django_deploykit.runtime.bundle.manifest import Manifest
from django_deploykit.runtime.bundle.reader import BundleFile
from django_deploykit.runtime.wire.facts import PREPARE
from django_deploykit.runtime.wire.operating import END, HISTORY, STATUS
from django_deploykit.runtime.wire.reader import plain

LOCAL_LISTEN = "127.0.0.1:8000"


@dataclass(frozen=True)
class Options:
    """How the user asked."""

    noinput: bool = False
    wait: float = 0.0
    plan: bool = False
    report: Path | None = None


def local_site(project: Project, environment: Environment) -> Site:
    """Return the site of the environment ``local``, below ``.deploykit/local``."""
    folder = project.root / ".deploykit" / "local"
    return Site(
        app=project.name,
        root=folder / "srv",
        etc=folder / "etc",
        data=folder / "var",
        supervisor="plain",
    ).with_options({**environment.site_values(), "listen": environment.listen or LOCAL_LISTEN})


def owner() -> str:
    """Return who releases, as the journal and the lock say it."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


def transport_to(project: Project, environment: Environment, host: Host | None) -> Transport:
    """Return the transport to a host, or to ``local``."""
    archive = runtime_archive()
    if host is None:
        return Local(local_site(project, environment).root, archive)
    from django_deploykit.release.transports.ssh import Ssh

    return Ssh(host, Path("/srv") / project.name, archive)


@contextmanager
def transports(project: Project, environment: Environment) -> Iterator[dict[str, Transport]]:
    """Open transports to all hosts of an environment, by the host's name."""
    with closing(transports_to(project, environment)) as opened:
        yield opened


def transports_to(project: Project, environment: Environment) -> list[Transport]:
    """Return transports to all hosts of an environment."""
    hosts: tuple[Host | None, ...] = (None,) if environment.local else environment.hosts
    return [transport_to(project, environment, host) for host in hosts]


@contextmanager
def closing(opened: Sequence[Transport]) -> Iterator[dict[str, Transport]]:
    """Yield transports by their name, and close them afterwards."""
    try:
        yield {one.name: one for one in opened}
    finally:
        for one in opened:
            with contextlib.suppress(DeployKitError, OSError):
                one.close()


class Releasing:
    """One run of the command against one environment."""

    built = 0.0  # seconds that the bundle took

    def __init__(
        self,
        project: Project,
        environment: Environment,
        console: Console,
        options: Options | None = None,
    ) -> None:
        self.project, self.environment, self.console = project, environment, console
        self.options = options or Options()
        self.record = Record(project.name, environment.name, owner(), url=self.url())
        self.hook_facts: dict[str, str] = {
            "environment": environment.name,
            "project": project.name,
            "owner": owner(),
            "hosts": " ".join(host.name for host in environment.hosts) or "local",
        }

    def hook(self, name: str, facts: Mapping[str, str] | None = None) -> None:
        """Run a hook's commands."""
        merged = {**self.hook_facts, **(facts or {})}
        run_hooks(self.environment.hooks, name, merged, self.project.root, self.console.note)

    def release_built(self, build: Callable[[], Path]) -> int:
        """Put live what ``build`` returns; returns the exit code.

        While it is built, the servers are logged in to: both take a second, and little of this machine.
        """
        if self.environment.local:
            return self.release(self._timed(build))
        python = self.project.python or f"{sys.version_info[0]}.{sys.version_info[1]}"
        early = Early(lambda: transports_to(self.project, self.environment), python)
        try:
            path = self._timed(build)
        except BaseException:
            early.leave()
            raise
        return self.release(path, early.transports())

    def _timed(self, build: Callable[[], Path]) -> Path:
        begun = time.monotonic()
        path = build()
        self.built = time.monotonic() - begun
        return path

    def release(self, path: Path, early: Sequence[Transport] = ()) -> int:
        """Put a bundle live, through transports that were made before, if any; returns the exit code."""
        with BundleFile(path) as bundle:
            manifest = bundle.manifest
            sample = bundle.read("sample.ini")
        self.record.release, self.record.commit = manifest.release_id, manifest.commit
        self.record.size = path.stat().st_size
        self.hook_facts |= {
            "release": manifest.release_id,
            "commit": manifest.commit,
            "bundle": str(path),
        }
        begun = time.monotonic()
        made = early or transports_to(self.project, self.environment)
        with closing(made) as opened:
            engine = self.engine(opened, sample)
            facts = engine.facts(
                manifest.python, refused=lambda some: self._refused(path, manifest, some)
            )
            plan = self._plan(path, manifest, facts)
            if self.options.plan:
                return self._show_plan(plan)
            if not plan.steps:
                return self._nothing(manifest.release_id, facts)
            outcome = self._execute(engine, plan, path, manifest, facts)
            if outcome is None:
                return self._nothing(manifest.release_id, facts)
        return self.conclude(
            outcome, manifest.commit, path.stat().st_size, time.monotonic() - begun
        )

    def engine(self, opened: dict[str, Transport], sample: bytes = b"") -> Engine:
        """Return what walks a plan on the hosts of these transports."""
        environment = self.environment
        request = Request(
            owner=owner(),
            wait=self.options.wait or environment.wait,
            noinput=self.options.noinput or self.console.as_json,
            batches=environment.batches() if environment.hosts else (),
            migrate_on=environment.migrate_on,
            confirm=self.console.ask,
            hook=self.hook,
            prepare=lambda one: self._prepare(one, sample),
        )
        if self.options.report:
            seen = self.record.latencies
            opened = {host: Watched(one, seen) for host, one in opened.items()}
        self.record.engine = Engine(opened, environment, request, self.console)
        return self.record.engine

    def _prepare(self, transport: Transport, sample: bytes) -> None:
        site = local_site(self.project, self.environment)
        self.project.work.mkdir(exist_ok=True)
        transport.call(PREPARE, "--site", site.dumps(), stream=io.BytesIO(sample))

    def _plan(self, path: Path, manifest: Manifest, facts: list[Facts]) -> Plan:
        migrating = self.environment.migrate_on or tuple(one.host for one in facts)
        sizes = travelling_sizes(path, facts)
        return make_plan(manifest, facts, sizes, migrating, **self._wanted(path, manifest))

    def _refused(self, path: Path, manifest: Manifest, facts: list[Facts]) -> list[str]:
        return all_refusals(manifest, facts, **self._wanted(path, manifest))

    def _wanted(self, path: Path, manifest: Manifest) -> dict[str, Any]:
        """Return what hosts are held to, as the plan takes it."""
        site = local_site(self.project, self.environment).dumps() if self.environment.local else ""
        sites = {
            host.name: site_values(self.environment, host, self.project.name)
            for host in self.environment.hosts
        }
        return {"site": site, "sites": sites, "signed": bool(fitting_signature(path, manifest))}

    def _show_plan(self, plan: Plan) -> int:
        for line in in_words(plan) or [f"nothing to do: {plan.release} is live"]:
            self.console.print(line)
        self.console.emit({"environment": self.environment.name, "plan": plan.as_json()})
        return LIVE

    def _nothing(self, release: str, facts: list[Facts]) -> int:
        self.console.print(
            f"nothing to do: {release} is live on {', '.join(one.host for one in facts)}"
        )
        live = {one.host: release for one in facts}
        self.console.emit(
            {
                "environment": self.environment.name,
                "release": release,
                "changed": False,
                "live": live,
                "code": LIVE,
            }
        )
        return LIVE

    def _execute(
        self, engine: Engine, plan: Plan, path: Path, manifest: Manifest, facts: list[Facts]
    ) -> Outcome | None:
        """Carry out the plan; None where somebody else did it meanwhile: the release is live."""
        if "prepare" in [step.kind for step in plan.steps]:
            self._prepare_early(engine, path)
        with engine.locks(f"releasing {manifest.commit[:12]}", manifest.python) as now:
            if [one.live for one in now] != [one.live for one in facts]:
                self.console.note("the hosts changed meanwhile; the plan was made again")
            # What is done is planned from what is there under the lock.
            plan = self._plan(path, manifest, now)
            if not plan.steps:
                return None
            return engine.execute(plan, manifest, now, Sender(path, self._known_list))

    def _prepare_early(self, engine: Engine, path: Path) -> None:
        """Make the folder that the lock lies in; the step itself does it again, idempotently."""
        with BundleFile(path) as bundle:
            self._prepare(engine.transports["local"], bundle.read("sample.ini"))

    def _known_list(self, digest: str) -> str | None:
        """Return a layer's list where a bundle that was built here holds it."""
        for path in sorted(STORES[DEFAULT].bundles(self.project), reverse=True)[:5]:
            try:
                with BundleFile(path) as bundle:
                    if any(layer.sha256 == digest for layer in bundle.manifest.layers):
                        return bundle.list_text(digest)
            except DeployKitError:
                continue
        return None

    def conclude(self, outcome: Outcome, commit: str, size: int, seconds: float) -> int:
        """Say how it ended; returns the exit code."""
        data = {
            "environment": self.environment.name,
            "commit": commit,
            "bundle_size": size,
            "total_seconds": round(seconds, 3),
            "changed": outcome.code == LIVE,
            "url": self.url(),
            "latency": [one.as_json() for one in self.record.latencies],
            **asdict(outcome),
        }
        self.console.emit(data)
        for host, error in outcome.errors.items():
            self.console.complain(f"{host}: {error}")
        before = next((one for one in outcome.before.values() if one), None)
        commits = brought(self.project.root, before, outcome.release)
        self.record.outcome, self.record.commits = outcome, commits
        ending = Ending(
            self.environment.name, self.console.seconds(), size, self.url(), commits, self.built
        )
        for line, mood in summary(outcome, ending):
            self.console.print(line, mood)
        return outcome.code

    def url(self) -> str:
        """Return where the site is, for ``local``."""
        listen = self.environment.listen or LOCAL_LISTEN
        return f"http://{listen}/" if self.environment.local and not listen.startswith("/") else ""

    def rollback(self, release: str) -> int:
        """Go back to a release that is staged on every host; "" is the last good one of each."""
        from django_deploykit.management.rolling_back import roll_back

        return roll_back(self, release)

    def status(self) -> int:
        """Show what is live on every host."""
        with transports(self.project, self.environment) as opened:
            engine = self.engine(opened)
            done, errors = engine.each(list(opened), lambda one: one.call(STATUS))
        rows = {host: plain(row) for host, row in done.items()}
        rows |= {host: {"error": error.message} for host, error in errors.items()}
        self.console.emit({"environment": self.environment.name, "hosts": rows})
        for host in opened:
            if host in errors:
                self.console.print(f"{host}: {errors[host].message}")
            for line in status_lines(host, done[host]) if host in done else ():
                self.console.print(line)
        return 1 if errors else LIVE

    def history(self) -> int:
        """Show what happened on every host."""
        with transports(self.project, self.environment) as opened:
            done, errors = self.engine(opened).each(
                list(opened), lambda one: one.call(HISTORY).records
            )
        self.console.emit({"environment": self.environment.name, "hosts": plain(done)})
        for host, records in done.items():
            self.console.print(f"{host}:" if len(opened) > 1 else "")
            for record in records:
                self.console.print(f"  {history_line(record)}")
        for host, error in errors.items():
            self.console.note(f"{host}: {error.message}")
        return 1 if errors else LIVE

    def attach(self, verb: str, *arguments: str) -> int:
        """Run a verb on the first host with the user's terminal (``--exec``, ``--logs``)."""
        if self.environment.local and not self._anything_live():
            raise DeployKitError(
                "nothing is live on local, so there is nothing to look into",
                "Release first: manage.py release",
            )
        with transports(self.project, self.environment) as opened:
            first = next(iter(opened.values()))
            if len(opened) > 1:
                self.console.note(f"on {first.name}; choose another host with --hosts")
            if not self.console.as_json:
                return first.attach(verb, *arguments)
            if "--follow" in arguments:
                raise DeployKitError(
                    "--json and --follow do not go together", "Leave one of them out."
                )
            code, output = captured(lambda: first.attach(verb, *arguments))
        self.console.emit(
            {
                "environment": self.environment.name,
                "host": first.name,
                "code": code,
                "output": output,
            }
        )
        return code

    def _anything_live(self) -> bool:
        return (local_site(self.project, self.environment).root / "current").exists()

    def stop(self) -> int:
        """End the site of ``local``."""
        if not self.environment.local:
            raise DeployKitError(
                "--stop is for the environment local",
                f"On a server: sudo systemctl stop {self.project.name}.service {self.project.name}.socket",
            )
        with transports(self.project, self.environment) as opened:
            ended = opened["local"].call(END).ended
        self.console.print("stopped" if ended else "nothing was running")
        self.console.emit({"environment": "local", "stopped": ended})
        return LIVE
