"""Carrying out a release: the plan's steps, host by host, through transports."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

from django_deploykit.errors import DeployKitError, Problems
from django_deploykit.progress import RUNS, Progress
from django_deploykit.release import downgrade, fanout, migrations
from django_deploykit.release.deploy_lock import Claim, Lock, held
from django_deploykit.release.facts import Facts
from django_deploykit.release.fanout import Interruption, problems
from django_deploykit.release.outcome import Outcome
from django_deploykit.release.plan import REFUSED, Plan
from django_deploykit.release.report.timeline import Timeline
from django_deploykit.release.request import Policy, Request
from django_deploykit.release.switching import Switching
from django_deploykit.release.transports.base import Transport
from django_deploykit.release.upload import Pending, Sender
from django_deploykit.runtime.base.errors import LIVE
from django_deploykit.runtime.bundle.manifest import Manifest
from django_deploykit.runtime.wire.events import Event, HostWarning, OutputLine
from django_deploykit.runtime.wire.facts import FACTS
from django_deploykit.runtime.wire.releasing import MIGRATE, PRUNE, SETTLE, STAGE
from django_deploykit.runtime.wire.reports import CHECK

T = TypeVar("T")
_ATTEMPTS = 3  # at staging, when layers arrive or lie damaged
_UNSWITCHED = "nothing was switched; what is live stays live:"


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
        self._locks: dict[str, Lock] = {}
        self._sent: dict[str, Pending] = {}  # what hosts unpack

    def _begin(self, release: str, live: Mapping[str, str | None]) -> Outcome:
        """Return an outcome to fill; its record of times goes on from what was done before."""
        return Outcome(release, live=dict(live), before=dict(live), spans=self.timeline.spans)

    def facts(
        self,
        python: str,
        step: str = "ask",
        refused: Callable[[list[Facts]], list[str]] | None = None,
    ) -> list[Facts]:
        """Ask all hosts in parallel, one round trip each; a step that has no name is not shown.

        Where some cannot be asked, what ``refused`` says of the others is told together with it.
        """
        with self._stage(step, list(self.transports)) as hosts:
            found, errors = self.each(
                hosts, lambda one: Facts.of(one.name, one.call(FACTS, "--python", python))
            )
        answered = [found[host] for host in self.transports if host in found]
        if errors:
            others = refused(answered) if refused else []
            raise Problems(
                REFUSED if others else "nothing was changed; these hosts cannot be asked:",
                [f"{host}: {first_line(error)}" for host, error in errors.items()] + others,
                "\n".join(dict.fromkeys(error.hint for error in errors.values() if error.hint)),
            )
        return answered

    def each(
        self, hosts: Sequence[str], work: Callable[[Transport], T]
    ) -> tuple[dict[str, T], dict[str, DeployKitError]]:
        """Do ``work`` on hosts in parallel; Ctrl-C reaches all of them and waits for them."""
        return fanout.each(self.transports, hosts, self.timeline.around(self._step, work))

    @contextmanager
    def locks(self, what: str, python: str | None = None) -> Iterator[list[Facts]]:
        """Hold the lock of every host while the block runs.

        Yields the facts of that moment where ``python`` is given, as :meth:`facts` takes it.
        """
        claim = Claim(self.request.owner, what, self.request.wait, python)
        with contextlib.ExitStack() as stack:
            with self._stage("lock", list(self.transports)):
                around = lambda host: self.timeline.span(host, "lock")  # noqa: E731
                self._locks = stack.enter_context(held(self.transports, claim, around))
            yield [Facts.of(host, self._locks[host].facts) for host in self.transports]

    def execute(
        self, plan: Plan, manifest: Manifest, facts: Sequence[Facts], sender: Sender
    ) -> Outcome:
        """Walk the plan; the outcome says for every host what is live."""
        self.outcome = self._begin(manifest.release_id, plan.live)
        with self._failing():
            databases = self._ready(plan, manifest, {one.host: one for one in facts}, sender)
            self._judge_older(databases, manifest.release_id)
            if self._migrate(databases, manifest.release_id):
                self._check_again(plan, manifest.release_id)
            self._judge_locks()
            self.request.hook("before_switch", {})
        # Settling may have changed what was live when the plan was made.
        before = dict(self.outcome.live)
        self._switch_all(plan.hosts("switch"), manifest.release_id, "release", before)
        with (
            contextlib.suppress(Interruption),
            self._stage("prune", self._good(plan.hosts("prune"))) as hosts,
        ):
            self.each(hosts, lambda one: one.call(PRUNE))
        return self.outcome

    def _ready(
        self, plan: Plan, manifest: Manifest, known: Mapping[str, Facts], sender: Sender
    ) -> dict[str, tuple[migrations.Database, ...]]:
        """Bring the release to every host; returns what its check says of the databases."""
        with self._stage("prepare", plan.hosts("prepare")) as hosts:
            self._all(hosts, self.request.prepare)
        with self._stage("settle", plan.hosts("settle")) as hosts:
            settled = self._all(hosts, lambda one: one.call(SETTLE).live)
            self.outcome.live.update(settled)
        with self._stage("send", plan.hosts("send")) as hosts:
            self._all(hosts, lambda one: self._send(one, known[one.name], sender))
        with self._stage("stage", plan.hosts("stage")) as hosts:
            self._all(hosts, lambda one: self._build(one, manifest, known[one.name], sender))
        with self._stage("check", plan.hosts("check")) as hosts:
            return self._check(hosts, manifest.release_id)

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """Tell the user's hook where what comes before the switch fails."""
        try:
            yield
        except DeployKitError:
            with contextlib.suppress(DeployKitError):
                self.request.hook("after_failure", {})
            raise

    def _judge_locks(self) -> None:
        lost = [host for host, lock in self._locks.items() if lock.lost]
        if lost:
            raise DeployKitError(
                f"nothing was switched: the lock was lost on {', '.join(lost)}",
                "The connection broke. Run the same command again.",
            )

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

    def run(self, name: str, hosts: Sequence[str], work: Callable[[Transport], T]) -> dict[str, T]:
        """Do ``work`` on all hosts as a step of its own; one that fails ends the release."""
        with self._stage(name, hosts):
            return self._all(hosts, work)

    def _all(self, hosts: Sequence[str], work: Callable[[Transport], T]) -> dict[str, T]:
        """Do ``work`` on all hosts; one that fails ends the release with nothing switched."""
        done, errors = self.each(hosts, work)
        if errors:
            raise problems(_UNSWITCHED, errors)
        return done

    def _send(self, transport: Transport, facts: Facts, sender: Sender) -> None:
        """Send, until all is there; the host unpacks it meanwhile, and afterwards."""
        total = sender.total(facts)
        show = lambda done: self.progress.advance(done, total, transport.name)  # noqa: E731
        pending = Pending(lambda arrived: sender.send(transport, facts, show, arrived=arrived))
        self._sent[transport.name] = pending
        pending.arrive()

    def _build(
        self, transport: Transport, manifest: Manifest, facts: Facts, sender: Sender
    ) -> None:
        pending = self._sent.pop(transport.name, None)
        sent = pending.end() if pending else 0
        self.outcome.bytes[transport.name] = self.outcome.bytes.get(transport.name, 0) + sent
        for _ in range(_ATTEMPTS):
            again = transport.call(STAGE, "--release", manifest.release_id).again
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
        self, hosts: Sequence[str], release: str, state: str = "nothing was switched"
    ) -> dict[str, tuple[migrations.Database, ...]]:
        reports = self._all(hosts, lambda one: one.call(CHECK, "--release", release))
        bad = []
        for host, result in reports.items():
            for finding in result.report.findings:
                row = {"host": host, **vars(finding)}
                if row not in self.outcome.findings:  # the second check finds what the first found
                    self.outcome.findings.append(row)
            if result.code:
                bad += [f"{host}: {one}" for one in result.report.findings if one.blocks] or [host]
        if bad:
            raise Problems(f"{state}; deploy_check refuses the release:", bad)
        return {host: migrations.read_databases(result.report) for host, result in reports.items()}

    def _judge_older(
        self, databases: Mapping[str, Sequence[migrations.Database]], release: str
    ) -> None:
        """Refuse older code that cannot live with what newer code did to the database."""
        newer = [
            host
            for host, rows in databases.items()
            if self.outcome.live.get(host) and any(row.unknown for row in rows)
        ]
        with self._stage("judge", newer) as hosts:
            found = self._all(
                hosts, lambda one: downgrade.blocking(one, release, databases[one.name])
            )
        many, again = len(self.transports) > 1, "run the same command again"
        downgrade.refuse(found, self.policy.name, many, "nothing was switched", again)

    def _check_again(self, plan: Plan, release: str) -> None:
        """Ask for the health path, which could not be asked while migrations waited.

        Where nothing is live nobody can meet a sick release.
        """
        serving = [host for host in plan.hosts("check") if plan.live[host]]
        with self._stage("check again", serving) as hosts:
            self._check(hosts, release, "the migrations ran, but nothing was switched")

    def _migrate(
        self, databases: Mapping[str, Sequence[migrations.Database]], release: str
    ) -> bool:
        """Run what is pending, once for each database; returns whether anything was."""
        order = [host for host in self.request.migrate_on if host in databases] or list(databases)
        chosen = {host: databases[host] for host in order}
        work = migrations.migrating_hosts(chosen)
        rows = [
            row for host, aliases in work.items() for row in chosen[host] if row.alias in aliases
        ]
        if not rows:
            return False
        self._guard(rows)
        self.request.hook("before_migrate", {})
        with self._stage("migrate", list(work)):
            for host, aliases in work.items():
                arguments = [part for alias in aliases for part in ("--database", alias)]
                self._all(
                    [host],
                    lambda one, words=tuple(arguments): one.call(  # type: ignore[misc]
                        MIGRATE,
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
        return True

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
        if isinstance(event, OutputLine):
            self.progress.note(f"  {event.line}")

    def switch_only(
        self, hosts: Sequence[str], release: str, action: str, live: Mapping[str, str | None]
    ) -> Outcome:
        """Switch to a release that is staged everywhere (a rollback)."""
        self.outcome = self._begin(release, live)
        with self._failing():
            self._judge_locks()
            self.request.hook("before_switch", {})
        self._switch_all(hosts, release, action, live)
        return self.outcome

    def _switch_all(
        self, hosts: Sequence[str], release: str, action: str, live: Mapping[str, str | None]
    ) -> None:
        if not hosts:
            return
        switching = Switching(self.transports, self.policy, self.request, self.outcome)
        with self._stage("switch", hosts):
            work = self.timeline.around("switch", switching.work(release, action, self._told))
            switching.forward(hosts, work)
        if self.outcome.errors:
            back = switching.work
            switching.conclude(
                live, lambda to: self.timeline.around("back", back(to, "rollback", self._told))
            )
            with contextlib.suppress(DeployKitError):
                self.request.hook("after_failure", {})
        else:
            self.request.hook("after_switch", {})

    def _told(self, host: str) -> Callable[[Event], None]:
        def tell(event: Event) -> None:
            if isinstance(event, HostWarning):
                self.outcome.warnings.append(f"{host}: {event.text}")
            self.progress.at(host, "switch", RUNS, str(event))

        return tell

    def _good(self, hosts: Sequence[str]) -> list[str]:
        return [
            host for host in hosts if host not in self.outcome.errors and self.outcome.code == LIVE
        ]


def first_line(error: DeployKitError) -> str:
    """Return an error's first line."""
    return error.message.splitlines()[0] if error.message else type(error).__name__
