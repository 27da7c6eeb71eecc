"""Installs a bundle by hand on the host itself: a release without a controller."""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Callable, ContextManager, Dict, Protocol, Sequence, Union

from ..base.errors import DeployKitError
from ..base.hints import setup_command
from ..base.site import Site, live_release, load_site
from ..bundle import signature
from ..bundle.manifest import Manifest
from ..bundle.reader import BundleFile
from ..bundle.seal import validate_seal
from ..storage import layers, prune
from ..supervisors import supervisor_of
from ..wire.events import Activity
from ..wire.facts import HostFacts
from ..wire.releasing import InstallResult
from ..wire.voice import Voice
from . import facts
from .current import validate_live
from .here import (
    Errand,
    Here,
    add_plan_argument,
    hand_caller,
    local_stages,
    locked_plan,
    run_on,
    run_steps,
    show_plan,
    show_way_back,
)
from .plan import Choices, Plan, Step, release_plan
from .readiness import Expected
from .stages import Caller, StageHost


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    add_plan_argument(parser)
    parser.add_argument(
        "--older", action="store_true", help="if it is older than what was live and signed"
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

    def validate_live(self, release: str) -> None:
        """Raise an error if the live release is not healthy with the current configuration."""


def install(
    root: Path, options: argparse.Namespace, path: Path, voice: Voice
) -> Union[InstallResult, Plan]:
    """Install this bundle; with ``--plan``, only return the plan."""
    with BundleFile(path) as bundle:
        manifest = bundle.manifest
    site = load_site(root)
    facts.validate_root(site.root)
    here = BundleHere(site, path, manifest, options.wait, voice)
    expected = Expected(setup_command(), time.time(), older=options.older)
    make_plan = partial(_plan, manifest, here, expected)
    if options.plan:
        return show_plan(make_plan(), voice)
    caller = replace(
        hand_caller(voice),
        refused="Split the change over two releases, or use --allow-breaking-migrations.",
        allow_breaking=options.allow_breaking_migrations,
    )
    before = live_release(site)
    result = carry_out(here, make_plan, caller)
    show_way_back(site, before, voice)
    return result


def _plan(manifest: Manifest, here: Target, expected: Expected) -> Plan:
    name = here.name
    plan = release_plan(manifest, {name: here.facts()}, Choices(), {name: expected})
    return replace(plan, action="install")


class Installation:
    """Runs a plan on this host, using the same stages as a release from a controller."""

    def __init__(self, here: Target, plan: Plan, caller: Caller) -> None:
        self.here = here
        self.removed: Sequence[str] = ()
        self._stages = local_stages(here, plan, caller)
        self._work: Dict[str, Callable[[Step], str]] = {
            "settle": self._stages.settle,
            "send": self._send,
            "stage": self._stage,
            "check": self._stages.check,
            "compatibility": self._stages.compatibility,
            "migrate": self._stages.migrate,
            "recheck": self._stages.recheck,
            "upload": self._stages.upload,
            "switch": self._switch,
            "prune": self._prune,
        }

    def run(self) -> None:
        """Run the steps after the lock."""
        run_steps(self._stages, self._work)

    def _send(self, step: Step) -> str:
        run_on(self.here, step.hosts, lambda _: self.here.add_layers())
        return ""

    def _stage(self, step: Step) -> str:
        def stage(_: StageHost) -> None:
            if self.here.stage():
                self.here.add_layers()  # stage() removed the damaged ones
                if self.here.stage():
                    raise DeployKitError("layers are still damaged", "Check this host's disk.")

        run_on(self.here, step.hosts, stage)
        return ""

    def _switch(self, step: Step) -> str:
        self.here.switch(step.release)
        return ""

    def _prune(self, _: Step) -> str:
        self.removed = self.here.prune()
        return ""


def carry_out(here: Target, make_plan: Callable[[], Plan], caller: Caller) -> InstallResult:
    """Take the deploy lock, make the plan, and run it."""
    with locked_plan("install", here.name, here.lock(), make_plan) as plan:
        installation = Installation(here, plan, caller)
        installation.run()
        if not plan.steps:
            here.validate_live(plan.release)
    return InstallResult(plan.release, bool(plan.steps), tuple(installation.removed))


class BundleHere(Here):
    """This host, with the bundle that is installed on it."""

    def __init__(
        self, site: Site, path: Path, manifest: Manifest, wait: float, voice: Voice
    ) -> None:
        what = f"installing {manifest.commit[:12]}"
        super().__init__(site, path, Errand("release", what, wait, manifest.release_id), voice)
        self.manifest = manifest
        self._signature = find_signature(path, site, manifest)

    def facts(self) -> HostFacts:
        """Return what a plan needs to know."""
        found = facts.facts(self.site.root, self.manifest.python, self.program)
        for text in found.warnings:
            self.voice.emit(Activity("warning", text))
        return found

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

        again = stage_release(self.site, self.manifest, self.voice.emit).again
        if self._signature and not again:
            signature.store(self.site.releases / self.manifest.release_id, self._signature)
        return again

    def prune(self) -> Sequence[str]:
        """Remove old releases; return their ids."""
        return prune.prune(self.site).removed

    def validate_live(self, release: str) -> None:
        """Raise an error if the live release is not healthy with the current configuration."""
        supervisor = supervisor_of(self.site, self.program)
        validate_live(self.site, supervisor, release, self.check(release))


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
