"""Carrying out a release: the plan's steps, host by host, through transports."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from django_deploykit.errors import DeployKitError, Problems
from django_deploykit.progress import RUNS, Progress
from django_deploykit.release import migrations
from django_deploykit.release.facts import Facts
from django_deploykit.release.plan import Plan
from django_deploykit.release.sending import Sender
from django_deploykit.release.timeline import Span, Timeline
from django_deploykit.release.transport import Event, LostError, Transport
from django_deploykit.runtime.errors import HALF_DONE, LIVE, REFUSED, TAKEN_BACK
from django_deploykit.runtime.manifest import Manifest

T = TypeVar("T")
_HEARTBEAT = 10.0  # seconds; a host frees the lock after a minute of silence
_ATTEMPTS = 3  # at staging, when layers arrive or lie damaged


class Policy(Protocol):
    """What an environment says of a release (``release.inventory.Environment``)."""

    @property
    def name(self) -> str: ...
    @property
    def on_failure(self) -> str: ...
    @property
    def allow_breaking_migrations(self) -> bool: ...


@dataclass(frozen=True)
class Request:
    """One release as it was asked for."""

    owner: str
    wait: float = 0.0
    noinput: bool = False
    batches: tuple[tuple[str, ...], ...] = ()  # names of hosts; empty: one after the other
    migrate_on: tuple[str, ...] = ()  # hosts in the order in which they are asked to migrate
    confirm: Callable[[str], bool] = field(default=lambda _: False, compare=False)
    hook: Callable[[str, Mapping[str, str]], None] = field(default=lambda *_: None, compare=False)
    prepare: Callable[[Transport], None] = field(default=lambda _: None, compare=False)


@dataclass
class Outcome:
    """How a release ended on every host; ``live`` is what serves there now, None if nothing does."""

    release: str
    code: int = LIVE
    live: dict[str, str | None] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    bytes: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    findings: list[Any] = field(default_factory=list)
    migrated: list[str] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    before: dict[str, str | None] = field(default_factory=dict)
    pending: list[str] = field(default_factory=list)  # the migrations that were due, in words


class Engine:
    """Walks a plan. Every method is one stage; a failure before the switch changes nothing live."""

    def __init__(
        self,
        transports: Mapping[str, Transport],
        policy: Policy,
        request: Request,
        progress: Progress,
    ) -> None:
        self.transports = dict(transports)
        self.policy, self.request, self.progress = policy, request, progress
        self.timeline = Timeline(progress)
        self.outcome = self._begin("", {})
        self._step = ""

    def _begin(self, release: str, live: Mapping[str, str | None]) -> Outcome:
        """Return an outcome to fill; its record of times goes on from what was done before."""
        return Outcome(release, live=dict(live), before=dict(live), spans=self.timeline.spans)

    def facts(self, python: str, step: str = "ask") -> list[Facts]:
        """Ask all hosts in parallel, one round trip each; a step that has no name is not shown."""
        with self._stage(step, list(self.transports)) as hosts:
            found, errors = self.each(
                hosts, lambda one: Facts.read(one.name, one.call("facts", "--python", python))
            )
        if errors:
            raise Problems(
                "nothing was changed; these hosts cannot be asked:",
                [f"{host}: {first_line(error)}" for host, error in errors.items()],
                "\n".join(dict.fromkeys(error.hint for error in errors.values() if error.hint)),
            )
        return [found[host] for host in self.transports]

    def each(
        self, hosts: Sequence[str], work: Callable[[Transport], T]
    ) -> tuple[dict[str, T], dict[str, DeployKitError]]:
        """Do ``work`` on hosts in parallel; Ctrl-C reaches all of them and waits for them."""
        done: dict[str, T] = {}
        errors: dict[str, DeployKitError] = {}
        work = self.timeline.around(self._step, work)
        with ThreadPoolExecutor(max_workers=max(1, min(32, len(hosts)))) as pool:
            futures = {host: pool.submit(work, self.transports[host]) for host in hosts}
            interrupted = False
            for host, future in futures.items():
                while True:
                    try:
                        done[host] = future.result()
                    except DeployKitError as error:
                        errors[host] = error
                    except KeyboardInterrupt:
                        interrupted = True
                        for transport in self.transports.values():
                            transport.interrupt()
                        continue
                    break
        if interrupted:
            self._note_interrupt(errors)
        return done, errors

    def _note_interrupt(self, errors: Mapping[str, DeployKitError]) -> None:
        worst = max((error.exit_code for error in errors.values()), default=REFUSED)
        text = "\n".join(f"{host}: {error.message}" for host, error in errors.items())
        raise DeployKitError(f"interrupted\n{text}".rstrip(), "", worst)

    @contextmanager
    def locks(self, what: str) -> Iterator[None]:
        """Hold the lock of every host while the block runs."""
        with ExitStack() as stack:
            with self._stage("lock", list(self.transports)) as hosts:
                for host in hosts:
                    with self.timeline.span(host, "lock"):
                        stack.enter_context(self._lock(host, what))
            yield

    @contextmanager
    def _lock(self, host: str, what: str) -> Iterator[None]:
        reader, writer = os.pipe()
        held = threading.Event()
        failure: list[DeployKitError] = []
        stopping = threading.Event()

        def hold() -> None:
            arguments = (
                "--owner",
                self.request.owner,
                "--what",
                what,
                "--wait",
                str(self.request.wait),
            )
            with os.fdopen(reader, "rb", buffering=0) as stream:
                try:
                    self.transports[host].call(
                        "hold", *arguments, stream=stream, on_event=lambda _: held.set()
                    )
                except DeployKitError as error:
                    failure.append(error)
                finally:
                    held.set()

        def beat() -> None:
            while not stopping.wait(_HEARTBEAT):
                with contextlib.suppress(OSError):
                    os.write(writer, b".\n")

        threads = [threading.Thread(target=target, daemon=True) for target in (hold, beat)]
        for thread in threads:
            thread.start()
        try:
            held.wait()
            if failure:
                raise DeployKitError(
                    f"{host}: {failure[0].message}", failure[0].hint, failure[0].exit_code
                )
            yield
        finally:
            stopping.set()
            os.close(writer)
            threads[0].join(10)

    def execute(
        self, plan: Plan, manifest: Manifest, facts: Sequence[Facts], sender: Sender
    ) -> Outcome:
        """Walk the plan; the outcome says for every host what is live."""
        self.outcome = self._begin(manifest.release_id, plan.live)
        known = {one.host: one for one in facts}
        with self._stage("prepare", plan.hosts("prepare")) as hosts:
            self._all(hosts, self.request.prepare)
        with self._stage("settle", plan.hosts("settle")) as hosts:
            self._all(hosts, lambda one: one.call("settle"))
        with self._stage("send", plan.hosts("send")) as hosts:
            self._all(hosts, lambda one: self._send(one, known[one.name], sender))
        with self._stage("stage", plan.hosts("stage")) as hosts:
            self._all(hosts, lambda one: self._build(one, manifest, known[one.name], sender))
        with self._stage("check", plan.hosts("check")) as hosts:
            databases = self._check(hosts, manifest.release_id)
        self._migrate(databases, manifest.release_id)
        self._switch_all(plan.hosts("switch"), manifest.release_id, "release", plan.live)
        with self._stage("prune", self._good(plan.hosts("prune"))) as hosts:
            self.each(hosts, lambda one: one.call("prune"))
        return self.outcome

    @contextmanager
    def _stage(self, name: str, hosts: Sequence[str]) -> Iterator[Sequence[str]]:
        if not hosts or not name:
            yield hosts
            return
        begun, self._step = time.monotonic(), name
        try:
            with self.progress.step(name, hosts):
                yield hosts
        finally:
            self._step = ""
        self.outcome.seconds[name] = round(time.monotonic() - begun, 3)

    def _all(self, hosts: Sequence[str], work: Callable[[Transport], T]) -> dict[str, T]:
        """Do ``work`` on all hosts; one that fails ends the release with nothing switched."""
        done, errors = self.each(hosts, work)
        if errors:
            raise Problems(
                "nothing was switched; what is live stays live:",
                [f"{host}: {error.message}" for host, error in errors.items()],
                "\n".join(dict.fromkeys(error.hint for error in errors.values() if error.hint)),
                max(REFUSED, *(error.exit_code for error in errors.values())),
            )
        return done

    def _send(self, transport: Transport, facts: Facts, sender: Sender) -> None:
        total = sender.total(facts)
        sent = sender.send(
            transport, facts, lambda done: self.progress.advance(done, total, transport.name)
        )
        self.outcome.bytes[transport.name] = self.outcome.bytes.get(transport.name, 0) + sent

    def _build(
        self, transport: Transport, manifest: Manifest, facts: Facts, sender: Sender
    ) -> None:
        for _ in range(_ATTEMPTS):
            again = transport.call("stage", "--release", manifest.release_id)["again"]
            if not again:
                return
            self.progress.note(
                f"{transport.name}: {len(again)} damaged or missing layers are sent again"
            )
            self.outcome.bytes[transport.name] += sender.send(
                transport, facts, lambda _: None, again
            )
        raise DeployKitError(
            f"layers stay damaged after {_ATTEMPTS} attempts", "Check that host's disk."
        )

    def _check(
        self, hosts: Sequence[str], release: str
    ) -> dict[str, tuple[migrations.Database, ...]]:
        reports = self._all(hosts, lambda one: one.call("check", "--release", release))
        bad = []
        for host, result in reports.items():
            for finding in result["report"].get("findings", []):
                self.outcome.findings.append({"host": host, **finding})
            if result["code"]:
                bad += [f"{host}: {finding_line(one)}" for one in blocking(result["report"])] or [
                    host
                ]
        if bad:
            raise Problems("nothing was switched; deploy_check refuses the release:", bad)
        return {
            host: migrations.read_databases(result["report"]) for host, result in reports.items()
        }

    def _migrate(
        self, databases: Mapping[str, Sequence[migrations.Database]], release: str
    ) -> None:
        order = [host for host in self.request.migrate_on if host in databases] or list(databases)
        chosen = {host: databases[host] for host in order}
        work = migrations.migrating_hosts(chosen)
        rows = [
            row for host, aliases in work.items() for row in chosen[host] if row.alias in aliases
        ]
        if not rows:
            return
        self._guard(rows)
        self.request.hook("before_migrate", {})
        with self._stage("migrate", list(work)):
            for host, aliases in work.items():
                arguments = [part for alias in aliases for part in ("--database", alias)]
                self._all(
                    [host],
                    lambda one, words=tuple(arguments): one.call(  # type: ignore[misc]
                        "migrate",
                        "--release",
                        release,
                        "--owner",
                        self.request.owner,
                        *words,
                        on_event=self._show,
                    ),
                )
                self.outcome.migrated += [f"{host}: {alias}" for alias in aliases]
        self.request.hook("after_migrate", {})

    def _guard(self, rows: Sequence[migrations.Database]) -> None:
        """Show what will run; what breaks running code needs a yes."""
        self.progress.note("migrations to run:")
        self.outcome.pending = migrations.in_words(rows)
        for line in self.outcome.pending:
            self.progress.note(f"  {line}")
        dangers = migrations.breaking(rows)
        if not dangers or self.policy.allow_breaking_migrations:
            return
        hint = (
            "Split the change over two releases, or answer yes on a terminal, or set "
            f"`allow_breaking_migrations = yes` in [environment:{self.policy.name}] of deploykit.ini."
        )
        refusal = Problems(
            "nothing was switched; these migrations break the code that runs now:", dangers, hint
        )
        if self.request.noinput:
            raise refusal
        for danger in dangers:
            self.progress.note(f"breaks running code: {danger}")
        if not self.request.confirm("Run them all the same?"):
            raise refusal

    def _show(self, event: Event) -> None:
        if event.get("event") == "line":
            self.progress.note(f"  {event.get('line', '')}")

    def switch_only(
        self, hosts: Sequence[str], release: str, action: str, live: Mapping[str, str | None]
    ) -> Outcome:
        """Switch to a release that is staged everywhere (a rollback)."""
        self.outcome = self._begin(release, live)
        self._switch_all(hosts, release, action, live)
        return self.outcome

    def _switch_all(
        self, hosts: Sequence[str], release: str, action: str, live: Mapping[str, str | None]
    ) -> None:
        if not hosts:
            return
        self.request.hook("before_switch", {})
        with self._stage("switch", hosts):
            for batch in self._batches(hosts):
                done, errors = self.each(batch, lambda one: self._switch(one, release, action))
                self.outcome.live.update(dict.fromkeys(done, release))
                if errors:
                    self._failed(errors)
                    if self.policy.on_failure != "continue":
                        break
        if self.outcome.errors:
            self._conclude(release, live)
        else:
            self.request.hook("after_switch", {})

    def _batches(self, hosts: Sequence[str]) -> list[list[str]]:
        batches = [[host for host in batch if host in hosts] for batch in self.request.batches]
        return [batch for batch in batches if batch] or [[host] for host in hosts]

    def _switch(self, transport: Transport, release: str, action: str) -> None:
        arguments = ("--release", release, "--action", action, "--owner", self.request.owner)
        try:
            transport.call("switch", *arguments, on_event=self._told(transport.name))
        except LostError as error:
            self._find_out(transport, release, error)

    def _find_out(self, transport: Transport, release: str, error: LostError) -> None:
        """The connection died: the host goes on by itself; ask it, for a while, how it ended."""
        for attempt in range(6):
            time.sleep(2 * attempt)
            try:
                if transport.call("settle")["live"] == release:
                    return
            except LostError:
                continue
            break
        raise error

    def _told(self, host: str) -> Callable[[Event], None]:
        def tell(event: Event) -> None:
            facts = [in_words(value) for key, value in event.items() if key != "event" and value]
            self.progress.at(
                host, "switch", RUNS, f"{event.get('event')} {' '.join(facts)}".rstrip()
            )

        return tell

    def _failed(self, errors: Mapping[str, DeployKitError]) -> None:
        for host, error in errors.items():
            self.outcome.errors[host] = str(error)
            if error.exit_code == HALF_DONE or isinstance(error, LostError):
                self.outcome.code = HALF_DONE
                self.outcome.live[host] = None

    def _conclude(self, release: str, live: Mapping[str, str | None]) -> None:
        """Apply the policy: take all back (default), or leave each host as it is now."""
        if self.policy.on_failure == "back":
            switched = [
                host for host, now in self.outcome.live.items() if now == release != live[host]
            ]
            for host in switched:
                self._back(host, live[host])
        if self.outcome.code != HALF_DONE:
            mixed = len(set(self.outcome.live.values())) > 1
            self.outcome.code = HALF_DONE if mixed else TAKEN_BACK
        with contextlib.suppress(DeployKitError):
            self.request.hook("after_failure", {})

    def _back(self, host: str, before: str | None) -> None:
        if before is None:
            self.outcome.errors[host] = (
                "was switched; nothing was live before that it could go back to"
            )
            self.outcome.code = HALF_DONE
            return
        try:
            with self.timeline.span(host, "back"):
                self._switch(self.transports[host], before, "rollback")
            self.outcome.live[host] = before
        except DeployKitError as error:
            self.outcome.errors[host] = f"could not be taken back: {error}"
            self.outcome.code = HALF_DONE

    def _good(self, hosts: Sequence[str]) -> list[str]:
        return [
            host for host in hosts if host not in self.outcome.errors and self.outcome.code == LIVE
        ]


def in_words(value: Any) -> str:
    """Return an event's fact as a person reads it."""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def first_line(error: DeployKitError) -> str:
    """Return an error's first line."""
    return error.message.splitlines()[0] if error.message else type(error).__name__


def blocking(report: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the findings of a report that made it fail."""
    return [
        one
        for one in report.get("findings", [])
        if str(one.get("level", "")).lower() in ("error", "critical")
    ]


def finding_line(finding: Mapping[str, Any]) -> str:
    """Return a finding on one line."""
    hint = f" ({finding['hint']})" if finding.get("hint") else ""
    return f"{finding.get('id')}: {finding.get('message')}{hint}"
