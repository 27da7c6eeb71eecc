"""Putting a bundle live by hand, on the host itself: the steps of a release without a controller."""

from __future__ import annotations

import argparse
import getpass
import os
from pathlib import Path
from typing import List

from ..base import deploy_lock
from ..base.errors import DeployKitError
from ..base.site import Site, live_release, load_site
from ..bundle import signature
from ..bundle.manifest import Manifest
from ..bundle.reader import BundleFile
from ..bundle.seal import judge_seal
from ..storage import layers, prune
from ..supervisors import supervisor_of
from ..supervisors.local import program_of
from ..wire.events import Activity
from ..wire.releasing import InstallResult
from ..wire.reports import CheckResult, DeployCheckReport
from ..wire.voice import Voice
from . import facts
from .project_commands import check, migrate
from .switch import Change, settle, switch


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the verb takes."""
    parser.add_argument(
        "--wait", type=float, default=0.0, metavar="SECONDS", help="wait for the lock"
    )
    parser.add_argument(
        "--allow-breaking-migrations",
        action="store_true",
        help="run migrations that break the running code",
    )


def install(options: argparse.Namespace, path: Path, voice: Voice) -> InstallResult:
    """Stage this bundle, check it, migrate, and let it take over."""
    with BundleFile(path) as bundle:
        manifest = bundle.manifest
    site = load_site(options.root or Path("/srv") / manifest.project)
    facts.judge_root(site.root)
    signed = _signed(path, site, manifest)
    owner = f"{getpass.getuser()}@{os.uname().nodename}"
    with (
        deploy_lock.hold(
            site.root / "lock",
            {"owner": owner, "what": f"installing {manifest.commit[:12]}"},
            options.wait,
        ),
        deploy_lock.alone(site.root, "install", lambda text: voice.emit(Activity("wait", text))),
    ):
        program = program_of(path)
        supervisor = supervisor_of(site, program)
        settle(site, supervisor, voice.emit)
        if live_release(site) == manifest.release_id:
            return InstallResult(manifest.release_id, changed=False)
        _stage(path, site, manifest, voice)
        if signed:
            signature.keep(site.releases / manifest.release_id, signed)
        voice.emit(Activity("check"))
        report = check(site, manifest.release_id, program)
        _judge(report)
        if _migrate(options, site, manifest.release_id, report.report, program, voice):
            # The health path could not be asked while migrations waited.
            _judge(check(site, manifest.release_id, program))
        change = Change(manifest.release_id, live_release(site), "release", owner, manifest.commit)
        switch(site, supervisor, change, voice.emit)
        gone = prune.prune(site)
    return InstallResult(manifest.release_id, changed=True, removed=gone.removed)


def _signed(path: Path, site: Site, manifest: Manifest) -> str:
    """Return the bundle's signature where one lies beside it and fits; judged where the host asks.

    This is for bundles that were mixed up or went stale. A hostile one would not run these lines:
    before that, root's helper judges the file (``deploykit-APP verify FILE``).
    """
    text = signature.read_beside(path)
    if signature.wanted(site):
        signature.judge(site, manifest, text)
        signature.judge_file(path, signature.parse(text))
        return text
    try:
        stated = signature.parse(text).statement
    except DeployKitError:
        return ""
    return text if stated == signature.state(manifest, stated.bundle) else ""


def _stage(path: Path, site: Site, manifest: Manifest, voice: Voice) -> None:
    from .staging import stage_release

    prune.sweep_unfinished(site)
    for _ in range(2):
        missing = [layer for layer in manifest.layers if not layers.has(site.store, layer.sha256)]
        layers.judge_space(
            site.root, sum(one.size for one in missing), 2 * sum(one.files for one in missing)
        )
        voice.emit(Activity("extract", f"{len(missing)} layers"))
        layers.extract_all(path, site.store, missing, lambda: judge_seal(path))
        if not stage_release(site, manifest, voice.emit).again:
            return
    raise DeployKitError("layers stay damaged in the store", "Check this host's disk.")


def _judge(result: CheckResult) -> None:
    if result.code:
        lines = [f"  - {one}" for one in result.report.findings if one.blocks]
        raise DeployKitError(
            "\n".join(["nothing was switched; deploy_check refuses the release:", *lines])
        )


def _migrate(
    options: argparse.Namespace,
    site: Site,
    release: str,
    report: DeployCheckReport,
    program: List[str],
    voice: Voice,
) -> bool:
    """Run what is pending, once for each database; returns whether anything was."""
    rows = [row for row in report.migrations if row.pending]
    dangers = [
        f"  - {one.app}.{one.name}: {operation.describe}"
        for row in rows
        for one in row.pending
        for operation in one.operations
        if operation.breaks
    ]
    if dangers and not options.allow_breaking_migrations:
        raise DeployKitError(
            "\n".join(
                ["nothing was switched; these migrations break the code that runs now:", *dangers]
            ),
            "Use --allow-breaking-migrations where that is wanted.",
        )
    if rows:
        names = [row.database for row in rows]
        voice.emit(Activity("migrate", ", ".join(names)))
        migrate(site, release, names, program, voice.emit)
    return bool(rows)
