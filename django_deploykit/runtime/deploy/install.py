"""Installs a bundle by hand on the host itself: a release without a controller."""

from __future__ import annotations

import argparse
import getpass
import os
import time
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import (
    Callable,
    ContextManager,
    Dict,
    Iterator,
    Optional,
    Protocol,
    Sequence,
    TypeVar,
    Union,
)

from ..base import deploy_lock
from ..base.errors import DeployKitError
from ..base.site import Site, live_release, load_site
from ..bundle import signature
from ..bundle.manifest import Manifest
from ..bundle.reader import BundleFile
from ..bundle.seal import validate_seal
from ..storage import layers, prune
from ..supervisors import supervisor_of
from ..supervisors.local import program_of
from ..wire.events import Activity
from ..wire.facts import HostFacts
from ..wire.releasing import InstallResult
from ..wire.reports import CheckResult, KinResult
from ..wire.voice import Voice
from . import facts, project_commands
from .plan import Choices, Plan, Step, lock_plan, release_plan, walk
from .readiness import Expected
from .stages import UNSWITCHED, Caller, StageHost, Stages, host_problems
from .switch import Change, settle, switch

T = TypeVar("T")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument(
        "--plan", action="store_true", help="show what would be done; changes nothing"
    )
    parser.add_argument(
        "--wait", type=float, default=0.0, metavar="SECONDS", help="wait for the deploy lock"
    )
    parser.add_argument(
        "--allow-breaking-migrations",
        action="store_true",
        help="run migrations that break the running code",
    )


class Target(StageHost, Protocol):
    """The host that a bundle is installed on."""

    def facts(self) -> HostFacts:
        """Return what a plan needs to know."""

    def lock(self) -> ContextManager[None]:
        """Hold the deploy lock. No other process changes the site in the meantime."""

    def add_layers(self) -> None:
        """Extract the bundle's layers that are missing from the store."""

    def stage(self) -> Sequence[str]:
        """Build the release; return the layers that are damaged or missing."""

    def switch(self, release: str) -> None:
        """Switch to the release."""

    def prune(self) -> Sequence[str]:
        """Remove old releases; return their ids."""


def install(options: argparse.Namespace, path: Path, voice: Voice) -> Union[InstallResult, Plan]:
    """Install this bundle; with ``--plan``, only return the plan."""
    with BundleFile(path) as bundle:
        manifest = bundle.manifest
    site = load_site(options.root or Path("/srv") / manifest.project)
    facts.validate_root(site.root)
    here = Here(site, path, manifest, options.wait, voice)
    expected = Expected(f"sudo ./{path.name} deploykit setup", time.time())
    make_plan = partial(_plan, manifest, here, expected)
    if options.plan:
        return show_plan(make_plan(), voice)
    caller = Caller(
        refused="Split the change over two releases, or use --allow-breaking-migrations.",
        command=lambda _: f"./{path.name} deploykit exec --",
        note=lambda text: voice.emit(Activity(text)),
        allow_breaking=options.allow_breaking_migrations,
    )
    return carry_out(here, make_plan, caller)


def _plan(manifest: Manifest, here: Target, expected: Expected) -> Plan:
    name = here.name
    plan = release_plan(manifest, {name: here.facts()}, Choices(), {name: expected})
    return replace(plan, action="install")


def show_plan(plan: Plan, voice: Voice) -> Union[InstallResult, Plan]:
    """Print a plan for a person, or return it for a program."""
    if not voice.person:
        return plan
    for line in plan.lines() or [f"nothing to do: {plan.release} is live"]:
        voice.emit(Activity(line))
    return InstallResult(next(iter(plan.live.values())) or "", changed=False)


class Installation:
    """Runs a plan on this host, using the same stages as a release from a controller."""

    def __init__(self, here: Target, plan: Plan, caller: Caller) -> None:
        self.here, self.plan, self.caller = here, plan, caller
        self.removed: Sequence[str] = ()
        self._stages = Stages(plan, self._on_hosts, caller, dict(plan.live))
        self._work: Dict[str, Callable[[Step], str]] = {
            "settle": self._stages.settle,
            "send": self._send,
            "stage": self._stage,
            "check": self._stages.check,
            "compatibility": self._stages.compatibility,
            "migrate": self._stages.migrate,
            "recheck": self._stages.recheck,
            "switch": self._switch,
            "prune": self._prune,
        }

    def run(self) -> None:
        """Run the steps after the lock."""
        walk(self.plan.split("lock")[1], dict.fromkeys(self._work, self._carry_out))

    def _carry_out(self, step: Step) -> None:
        self.caller.note(step.kind)
        idle = self._work[step.kind](step)
        if idle:
            self.caller.note(f"{step.kind}: nothing to do, {idle}")

    def _on_hosts(self, hosts: Sequence[str], work: Callable[[StageHost], T]) -> Dict[str, T]:
        try:
            return {host: work(self.here) for host in hosts}
        except DeployKitError as error:
            raise host_problems(UNSWITCHED, {self.here.name: error}) from error

    def _send(self, step: Step) -> str:
        self._on_hosts(step.hosts, lambda _: self.here.add_layers())
        return ""

    def _stage(self, step: Step) -> str:
        def stage(_: StageHost) -> None:
            if self.here.stage():
                self.here.add_layers()  # stage() removed the damaged ones
                if self.here.stage():
                    raise DeployKitError("layers are still damaged", "Check this host's disk.")

        self._on_hosts(step.hosts, stage)
        return ""

    def _switch(self, step: Step) -> str:
        self.here.switch(step.release)
        return ""

    def _prune(self, _: Step) -> str:
        self.removed = self.here.prune()
        return ""


def carry_out(here: Target, make_plan: Callable[[], Plan], caller: Caller) -> InstallResult:
    """Take the deploy lock, make the plan, and run it."""
    with ExitStack() as stack:

        def lock(_: Step) -> None:
            stack.enter_context(here.lock())

        walk(lock_plan("install", [here.name]).steps, {"lock": lock})
        plan = make_plan()
        installation = Installation(here, plan, caller)
        installation.run()
    return InstallResult(plan.release, bool(plan.steps), tuple(installation.removed))


class Here:
    """This host. It calls the functions that a controller calls as verbs."""

    def __init__(
        self, site: Site, path: Path, manifest: Manifest, wait: float, voice: Voice
    ) -> None:
        self.site, self.path, self.manifest = site, path, manifest
        self.name = os.uname().nodename
        self._owner = f"{getpass.getuser()}@{self.name}"
        self._wait, self._voice = wait, voice
        self._program = program_of(path)
        self._supervisor = supervisor_of(site, self._program)
        self._signature = find_signature(path, site, manifest)

    def facts(self) -> HostFacts:
        """Return what a plan needs to know."""
        return facts.facts(self.site.root, self.manifest.python, self._program)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the deploy lock. No other process changes the site in the meantime."""
        owner = {"owner": self._owner, "what": f"installing {self.manifest.commit[:12]}"}

        def show(text: str) -> None:
            self._voice.emit(Activity("wait", text))

        with (
            deploy_lock.hold(self.site.root / "lock", owner, self._wait),
            deploy_lock.exclusive(self.site.root, "install", show),
        ):
            yield

    def settle(self) -> Optional[str]:
        """Finish or revert an interrupted switch; return the release that is live."""
        settle(self.site, self._supervisor, self._voice.emit)
        return live_release(self.site)

    def add_layers(self) -> None:
        """Extract the bundle's layers that are missing from the store."""
        store = self.site.store
        prune.sweep_leftovers(self.site)
        missing = [
            layer for layer in self.manifest.layers if not layers.is_stored(store, layer.sha256)
        ]
        layers.validate_space(
            self.site.root, sum(one.size for one in missing), 2 * sum(one.files for one in missing)
        )
        layers.extract_all(self.path, store, missing, lambda: validate_seal(self.path))

    def stage(self) -> Sequence[str]:
        """Build the release; return the layers that are damaged or missing."""
        from .staging import stage_release

        again = stage_release(self.site, self.manifest, self._voice.emit).again
        if self._signature and not again:
            signature.store(self.site.releases / self.manifest.release_id, self._signature)
        return again

    def check(self, release: str) -> CheckResult:
        """Run deploy_check in a release."""
        return project_commands.check(self.site, release, self._program)

    def kin(self, release: str) -> KinResult:
        """Compare a release's migrations with the live release's."""
        return project_commands.kin(self.site, live_release(self.site) or "", release)

    def migrate(self, release: str, databases: Sequence[str]) -> None:
        """Run a release's migrations, and journal it."""
        project_commands.migrate(
            self.site, release, databases, self._program, self._owner, self._voice.emit
        )

    def switch(self, release: str) -> None:
        """Switch to the release."""
        live = live_release(self.site)
        change = Change(release, live, "release", self._owner, self.manifest.commit)
        switch(self.site, self._supervisor, change, self._voice.emit)

    def prune(self) -> Sequence[str]:
        """Remove old releases; return their ids."""
        return prune.prune(self.site).removed


def find_signature(path: Path, site: Site, manifest: Manifest) -> str:
    """Return the text of the signature file next to the bundle, or an empty string.

    If the host requires signatures, a missing or invalid one is an error. Otherwise it is only used
    if its statement matches the bundle.
    This detects bundles that were mixed up or are out of date. A hostile bundle would not run this
    code: before it runs, root's helper verifies the file (``deploykit-APP verify FILE``).
    """
    text = signature.read_signature(path)
    if signature.is_required(site):
        signature.verify_bundle(site, manifest, text)
        signature.validate_file(path, signature.parse(text))
        return text
    try:
        stated = signature.parse(text).statement
    except DeployKitError:
        return ""
    return text if stated == signature.make_statement(manifest, stated.bundle) else ""
