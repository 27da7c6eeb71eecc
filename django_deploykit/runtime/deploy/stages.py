"""The stages that are the same for every way of releasing.

A controller runs them on many hosts over SSH; the verb ``install`` runs them on the host itself.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import (
    Callable,
    Dict,
    List,
    Mapping,
    Optional,
    Protocol,
    Sequence,
    Tuple,
    TypeVar,
)

from ..base.documents import Document
from ..base.errors import HALF_DONE, REFUSED, TAKEN_BACK, DeployKitError, Problems
from ..wire.reports import CheckResult, KinResult
from .migrations import (
    Database,
    blocking_databases,
    breaking_operations,
    databases_to_migrate,
    irreversible,
    pending_lines,
    read_databases,
    reverse_commands,
)
from .plan import Plan, Step

T = TypeVar("T")
_MOST = 10  # migrations that an error names
_LONGEST_WHY = 4000  # characters of an error in the journal
NOT_SWITCHED = "nothing was switched"
UNSWITCHED = f"{NOT_SWITCHED}; what is live stays live:"


class StageHost(Protocol):
    """The part of a host that the stages use."""

    @property
    def name(self) -> str:
        """The host's name in messages."""

    def settle(self) -> Optional[str]:
        """Finish or revert an interrupted switch; return the release that is live."""

    def check(self, release: str) -> CheckResult:
        """Run deploy_check in a release."""

    def kin(self, release: str) -> KinResult:
        """Compare a release's migrations with the live release's."""

    def migrate(self, release: str, databases: Sequence[str]) -> None:
        """Run a release's migrations."""

    def upload(self, release: str) -> None:
        """Upload a release's static files to their storage."""

    def failed(self, release: str, why: str, databases: str) -> None:
        """Journal that a release was refused or failed, and what ``databases`` have now."""


class OnHosts(Protocol):
    """Runs work on hosts in parallel. If any fails, it raises after all have ended."""

    def __call__(self, hosts: Sequence[str], work: Callable[[StageHost], T]) -> Dict[str, T]:
        """Return the results by host."""


def host_problems(
    title: str, errors: Mapping[str, DeployKitError], least: int = REFUSED
) -> Problems:
    """Combine the hosts' errors into one, with the highest exit code, but at least ``least``."""
    return Problems(
        title,
        [f"{host}: {error.message}" for host, error in errors.items()],
        "\n".join(dict.fromkeys(error.hint for error in errors.values() if error.hint)),
        max(least, *(error.exit_code for error in errors.values())),
    )


@dataclass(frozen=True)
class Caller:
    """The caller's choices and texts for the stages.

    ``confirm`` asks whether to run breaking migrations; it is None if nobody can be asked.
    ``refused`` is the hint if they are not run. ``command`` returns the command line that runs
    Django commands on a host with the live code. ``again`` says what to run after migrations are
    reversed. ``unchanged`` is the start of refusal messages.
    """

    refused: str
    command: Callable[[str], str]
    note: Callable[[str], None]
    allow_breaking: bool = False
    confirm: Optional[Callable[[str], bool]] = None
    again: str = "run the same command again"
    unchanged: str = NOT_SWITCHED


@dataclass
class Stages:
    """The state and handlers of one walk.

    A handler returns the reason why there was nothing to do, or an empty string.
    """

    plan: Plan
    on_hosts: OnHosts
    caller: Caller
    live: Dict[str, Optional[str]]
    findings: List[Document] = field(default_factory=list)
    pending: List[str] = field(default_factory=list)
    migrated: List[str] = field(default_factory=list)
    databases: Dict[str, Tuple[Database, ...]] = field(default_factory=dict)
    work: Dict[str, Tuple[Database, ...]] = field(default_factory=dict)
    begun: List[str] = field(default_factory=list)  # migrations, as ``shop.0002_x on default``
    applied: List[str] = field(default_factory=list)

    def settle(self, step: Step) -> str:
        """Finish or revert interrupted switches."""
        self.live.update(self.on_hosts(step.hosts, lambda one: one.settle()))
        return ""

    def check(self, step: Step, unchanged: str = NOT_SWITCHED) -> str:
        """Run deploy_check; raise an error if it finds errors."""
        reports = self.on_hosts(step.hosts, lambda one: one.check(self.plan.release))
        bad = []
        for host, result in reports.items():
            for one in result.report.findings:
                row = {"host": host, **vars(one)}
                if row not in self.findings:  # both checks of a release report most findings
                    self.findings.append(row)
            bad += [f"{host}: {line}" for line in result.refusals()]
        self.databases = {host: read_databases(result.report) for host, result in reports.items()}
        if bad:
            self._refuse_older(step)
            raise Problems(f"{unchanged}; deploy_check refuses the release:", bad)
        return ""

    def _refuse_older(self, step: Step) -> None:
        """Raise an error if the release is older than its database: that is why checks fail."""
        try:
            found = self._find_blocking(step)
        except DeployKitError:
            return  # the findings of the checks are known
        refuse_blocking(found, self.caller)

    def _find_blocking(self, step: Step) -> Mapping[str, Sequence[Database]]:
        """Return the databases whose applied migrations break the release, by host."""
        targets = {host: self.plan.target(host) for host in step.hosts if self.live.get(host)}
        return self.on_hosts(
            list(targets),
            lambda one: find_blocking(one, targets[one.name], self.databases.get(one.name)),
        )

    def compatibility(self, step: Step) -> str:
        """Refuse code that breaks on its database, and migrations that break the running code."""
        refuse_blocking(self._find_blocking(step), self.caller)
        order = self.plan.hosts("migrate")
        self.work = databases_to_migrate(self.databases, order)
        if not order:
            self._refuse_pending()
        self._refuse_breaking([row for rows in self.work.values() for row in rows])
        return ""

    def upload(self, step: Step) -> str:
        """Upload static files with the host's configuration."""
        self.on_hosts(step.hosts, lambda one: one.upload(self.plan.release))
        return ""

    def migrate(self, step: Step) -> str:
        """Run the pending migrations, once for each database."""
        for host in step.hosts:
            rows = self.work.get(host, ())
            names = [row.alias for row in rows]
            if not names:
                continue
            pending = [
                f"{one.app}.{one.name} on {row.alias}" for row in rows for one in row.pending
            ]
            self.begun += pending
            self.on_hosts(
                [host],
                lambda one, names=names: one.migrate(self.plan.release, names),  # type: ignore[misc]
            )
            self.migrated += [f"{host}: {name}" for name in names]
            self.applied += pending
        return "" if self.work else "no migrations are pending"

    def recheck(self, step: Step) -> str:
        """Run deploy_check again: before the migrations, it could not request the health path."""
        serving = tuple(host for host in step.hosts if self.live.get(host))
        if not self.migrated or not serving:
            return "no migrations ran" if not self.migrated else "nothing is live"
        return self.check(
            Step(step.kind, serving, step.what), f"the migrations ran, but {NOT_SWITCHED}"
        )

    def failed(self, error: BaseException) -> None:
        """Journal an error on the hosts of the plan, and add to it what the databases have now.

        The journal has the error of a switch already. A host that cannot be reached is left out.
        """
        code, why = REFUSED, "it was interrupted"
        if isinstance(error, DeployKitError):
            code, why = error.exit_code, error.message
            self.add_databases(error)
        if code in (TAKEN_BACK, HALF_DONE):
            return
        steps = self.plan.split("lock")[1]
        hosts = tuple(dict.fromkeys(host for step in steps for host in step.hosts))
        databases = self._databases_now()
        with suppress(DeployKitError):
            self.on_hosts(
                hosts,
                lambda one: one.failed(self.plan.target(one.name), why[:_LONGEST_WHY], databases),
            )

    def _databases_now(self) -> str:
        """Return the migrations that ran and the interrupted ones, as text."""
        parts = [f"{_few(self.applied)} applied"] if self.applied else []
        if self._cut_off():
            parts.append(f"{_few(self._cut_off())} may be applied or not")
        return "; ".join(parts)

    def _cut_off(self) -> List[str]:
        return [one for one in self.begun if one not in self.applied]

    def add_databases(self, error: DeployKitError) -> None:
        """Add to an error what the databases have now, if migrations ran before it."""
        if self.applied:
            error.message += (
                f"\nThe database was changed, and stays so: {_few(self.applied)} applied."
            )
        if self._cut_off():
            error.message += (
                f"\nThe migrations did not finish: {_few(self._cut_off())} may be applied or not."
                " `showmigrations` lists what is."
            )

    def _refuse_pending(self) -> None:
        """Refuse if migrations are pending and no host of the plan may run them."""
        lines = [
            f"{host}: {one.app}.{one.name} on {row.alias}"
            for host, rows in self.databases.items()
            for row in rows
            for one in row.pending
        ]
        if lines:
            raise Problems(
                f"{self.caller.unchanged}: migrations are pending, and no host of `migrate_on` is"
                " part of this release:",
                lines,
                "Release to a host of `migrate_on` too, or add one of these hosts to it.",
            )

    def _refuse_breaking(self, rows: Sequence[Database]) -> None:
        """Show the migrations that will run; ask for confirmation if any are breaking."""
        if not rows:
            return
        self.pending += pending_lines(rows, first=not any(self.live.values()))
        self.caller.note("migrations to run:")
        for line in self.pending:
            self.caller.note(f"  {line}")
        dangers = breaking_operations(rows)
        if not dangers or self.caller.allow_breaking:
            return
        title = f"{NOT_SWITCHED}; these migrations break the code that runs now:"
        refusal = Problems(title, dangers, self.caller.refused)
        if self.caller.confirm is None:
            raise refusal
        for danger in dangers:
            self.caller.note(f"breaks running code: {danger}")
        if not self.caller.confirm("Run these migrations anyway?"):
            raise refusal


def _few(names: Sequence[str]) -> str:
    """Return at most ten names and the number of the others."""
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return ", ".join(names[:_MOST]) + more


def find_blocking(
    host: StageHost, release: str, rows: Optional[Sequence[Database]] = None
) -> Tuple[Database, ...]:
    """Return the databases whose applied migrations break ``release``, which is staged.

    ``rows`` is the report of the release's own check, if it already ran.
    """
    if rows is not None and not any(row.unknown for row in rows):
        return ()
    kin = host.kin(release)
    if kin.same:
        return ()
    if rows is None:
        rows = _checked(host, release)
    breaks = kin.breaks
    rows = blocking_databases(rows, breaks)
    if not rows:
        return ()
    known = [name for row in _checked(host, kin.live) for name in row.unknown]
    return blocking_databases(rows, breaks, known)


def _checked(host: StageHost, release: str) -> Tuple[Database, ...]:
    return read_databases(host.check(release).report)


def refuse_blocking(found: Mapping[str, Sequence[Database]], caller: Caller) -> None:
    """If migrations block the release, raise an error with the commands that reverse them."""
    names = [f"{host}: {name}" for host, rows in found.items() for name in irreversible(rows)]
    if names:
        raise Problems(
            f"{caller.unchanged}: applied migrations may break the older release, and it does not"
            " report which of their apps' migrations it has:",
            names,
            "Look up the last migration of each app in the older release, reverse the others with "
            f"`migrate APP NAME`, then {caller.again}.",
        )
    commands = [
        command
        for host, rows in found.items()
        for command in reverse_commands(caller.command(host), rows)
    ]
    if commands:
        raise Problems(
            f"{caller.unchanged}: applied migrations break the older release. Reverse them first:",
            list(dict.fromkeys(commands)),
            f"Then {caller.again}. Data in columns that are removed is lost: make a backup.",
        )
