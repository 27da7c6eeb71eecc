"""The host that a verb runs on, as a release by hand uses it."""

from __future__ import annotations

import argparse
import getpass
import os
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import (
    Callable,
    ContextManager,
    Dict,
    Iterator,
    Mapping,
    Optional,
    Sequence,
    TypeVar,
    Union,
)

from ..base import deploy_lock
from ..base.errors import DeployKitError
from ..base.hints import verb_command
from ..base.site import Site, live_release
from ..storage.prune import staged_releases
from ..supervisors import supervisor_of
from ..supervisors.local import program_of
from ..wire.events import Activity
from ..wire.journal import JournalRecord, append
from ..wire.releasing import InstallResult
from ..wire.reports import CheckResult, KinResult
from ..wire.voice import Voice
from . import project_commands
from .plan import Plan, Step, lock_plan, walk
from .staged import switch_to_staged
from .stages import UNSWITCHED, Caller, StageHost, Stages, host_problems
from .switch import settle
from .unfinished import errand_of, journal_interruption, wait_for_migrations

T = TypeVar("T")


@dataclass(frozen=True)
class Errand:
    """Why this host is changed: ``what`` for people who wait for the deploy lock.

    ``action`` is the word for the journal, ``wait`` how many seconds to wait for the lock, and
    ``release`` the release that goes live, if it is known.
    """

    action: str
    what: str
    wait: float
    release: str = ""


class Here:
    """This host. It calls the functions that a controller calls as verbs."""

    def __init__(self, site: Site, path: Path, errand: Errand, voice: Voice) -> None:
        """``path`` is the bundle or runtime archive that runs."""
        self.site, self.path, self.errand, self.voice = site, path, errand, voice
        self.name = os.uname().nodename
        self.owner = f"{getpass.getuser()}@{self.name}"
        self.program = program_of(path)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the deploy lock. No other process changes the site in the meantime."""
        note = errand_of(self.site, self.errand.release, self.errand.action)
        note = replace(note, owner=self.owner, what=self.errand.what)

        def show(text: str) -> None:
            self.voice.emit(Activity("wait", text))

        with (
            deploy_lock.hold(self.site.root / "lock", note, self.errand.wait) as lock,
            deploy_lock.exclusive(self.site.root, self.errand.action, show),
        ):
            wait_for_migrations(supervisor_of(self.site, self.program), show)
            journal_interruption(self.site, lock.left)
            yield

    def settle(self) -> Optional[str]:
        """Finish or revert an interrupted switch; return the release that is live."""
        settle(self.site, supervisor_of(self.site, self.program), self.voice.emit)
        return live_release(self.site)

    def check(self, release: str) -> CheckResult:
        """Run deploy_check in a release, and show what it says about this host's configuration."""
        result = project_commands.check(self.site, release, self.program)
        for finding in result.warnings_about(self.site.etc):
            self.voice.emit(Activity("warning", str(finding)))
        return result

    def kin(self, release: str) -> KinResult:
        """Compare a release's migrations with the live release's."""
        return project_commands.kin(self.site, live_release(self.site) or "", release)

    def migrate(self, release: str, databases: Sequence[str]) -> None:
        """Run a release's migrations, and journal it."""
        project_commands.migrate(
            self.site, release, databases, self.program, self.owner, self.voice.emit
        )

    def upload(self, release: str) -> None:
        """Upload a release's static files to their storage."""
        project_commands.upload(self.site, release, self.program, self.voice.emit)

    def failed(self, release: str, why: str, databases: str) -> None:
        """Journal that a release was refused or failed, and what ``databases`` have now."""
        action = self.errand.action
        record = JournalRecord(action, release, "failed", self.owner, why=why, databases=databases)
        with suppress(OSError):  # a full disk must not hide the error
            append(self.site.journal, record)

    def switch(self, release: str) -> None:
        """Switch to a staged release."""
        switch_to_staged(
            self.site, release, self.errand.action, self.owner, self.program, self.voice.emit
        )


def add_plan_argument(parser: argparse.ArgumentParser) -> None:
    """Declare ``--plan``."""
    parser.add_argument(
        "--plan", action="store_true", help="show what would be done; changes nothing"
    )


def show_plan(plan: Plan, voice: Voice) -> Union[InstallResult, Plan]:
    """Print a plan for a person, or return it for a program."""
    if not voice.person:
        return plan
    for line in plan.lines() or [nothing_to_do(plan)]:
        voice.emit(Activity(line))
    return InstallResult(next(iter(plan.live.values())) or "", changed=False)


def nothing_to_do(plan: Plan) -> str:
    """Return what to say about a plan without steps."""
    return f"nothing to do: {plan.release} is live"


def show_way_back(site: Site, before: Optional[str], voice: Voice) -> None:
    """Print the command that undoes an install or a rollback, if there is one."""
    if before and before != live_release(site) and before in staged_releases(site):
        voice.emit(Activity(f"to go back: {verb_command('rollback')} {before}"))


def hand_caller(voice: Voice) -> Caller:
    """Return a caller that prints notes, and names commands that a person runs on this host."""
    return Caller(
        refused="",
        command=lambda _: verb_command("exec --"),
        note=lambda text: voice.emit(Activity(text)),
    )


def local_stages(here: StageHost, plan: Plan, caller: Caller) -> Stages:
    """Return the stages of a plan whose only host is this one."""
    return Stages(plan, lambda hosts, work: run_on(here, hosts, work), caller, dict(plan.live))


def run_on(here: StageHost, hosts: Sequence[str], work: Callable[[StageHost], T]) -> Dict[str, T]:
    """Run work on the only host of a plan by hand; return its result by host."""
    try:
        return {host: work(here) for host in hosts}
    except DeployKitError as error:
        raise host_problems(UNSWITCHED, {here.name: error}) from error


@contextmanager
def locked_plan(
    action: str, name: str, lock: ContextManager[None], make_plan: Callable[[], Plan]
) -> Iterator[Plan]:
    """Take the deploy lock, and make the plan while it is held."""
    with ExitStack() as stack:
        walk(lock_plan(action, [name]).steps, {"lock": lambda _: stack.enter_context(lock)})
        yield make_plan()


def run_steps(stages: Stages, work: Mapping[str, Callable[[Step], str]]) -> None:
    """Run the steps of a plan after its lock, and print each.

    An error says what the databases have now, and is written to the journal.
    """
    plan, note = stages.plan, stages.caller.note

    def carry_out(step: Step) -> None:
        note(step.kind)
        idle = work[step.kind](step)
        if idle:
            note(f"{step.kind}: nothing to do, {idle}")

    try:
        walk(plan.split("lock")[1], dict.fromkeys(work, carry_out))
    except (DeployKitError, KeyboardInterrupt) as error:
        stages.failed(error)
        raise
