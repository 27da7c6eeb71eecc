"""Runs a staged release's check and its migrations on the host."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Set, Tuple

from ..base import hints
from ..base.configuration import last_change
from ..base.errors import DeployKitError
from ..base.files import (
    BLOCK,
    entries,
    is_full,
    is_without_space,
    write_and_replace,
    write_in_place,
)
from ..base.probe import usable_host
from ..base.processes import CommandLine, capture
from ..base.site import Site, checked_path
from ..bundle.manifest import Manifest
from ..storage import layers as store
from ..storage.virtualenv import load_release
from ..supervisors import supervisor_of
from ..wire.events import Activity, Emit, OutputLine
from ..wire.journal import JournalRecord, append_or_warn
from ..wire.reader import WireError, parse, plain
from ..wire.releasing import MigrateResult, UploadResult
from ..wire.reports import Checked, CheckResult, DeployCheckReport, KinResult, read_checked
from .unfinished import wait_for_migrations

UNITS = Path("/run")  # where systemd keeps units that only run once


def check(site: Site, release: str, program: Sequence[str]) -> CheckResult:
    """Run ``deploy_check --server --migrations`` in a release with the host's configuration.

    Raises :class:`DeployKitError` if the check could not run.
    """
    # A broken release must be found before it listens, because visitors can reach it from then on.
    start = f"{'https' if site.proxied else 'http'}://{site.host}"
    urls = " ".join(start + page for page in site.pages)
    command = ["deploy_check", "--server", "--migrations", "--format", "json", "--ask", urls]
    code, out, errors = capture(inside(site, release, program, command))
    report = read_report(out)
    # 2 with a report: some checks could not run, which is one of its findings.
    if code not in (0, 1, 2) or report is None:
        rows = (errors or out).strip().splitlines()[-20:]
        if site.supervisor == "systemd" and is_without_space(UNITS):
            rows.append(f"{UNITS} is full: systemd writes the units of commands there. Free some.")
        raise DeployKitError(f"deploy_check cannot run in {release}", "\n".join(rows))
    path = checked_path(site, release)
    path.parent.mkdir(parents=True, exist_ok=True)
    known = {**read_checked(path).migrations, **_breaking(report)}
    code = min(code, 1)
    checked = Checked(usable_host(list(report.allowed_hosts)), code, known)
    _keep(site, path, json.dumps(plain(checked)))
    return CheckResult(code, report)


def _keep(site: Site, path: Path, text: str) -> None:
    """Write the results of a check. On a full disk, overwrite those of an earlier check.

    They contain the Host header for probes, which depends on the configuration.
    """
    try:
        write_and_replace(path, text, top=site.root)
    except OSError as error:
        if not (is_full(error) and path.exists()):
            raise
        with suppress(OSError):
            if len(text.encode("utf-8")) <= BLOCK:
                write_in_place(path, text)


def refresh(site: Site, release: str, program: Sequence[str]) -> None:
    """Check a release again if the configuration has changed since its last check.

    The Host header of probes depends on ALLOWED_HOSTS. Findings do not stop a rollback.
    """
    try:
        before = checked_path(site, release).stat().st_mtime
    except OSError:
        before = 0.0
    if last_change(site.etc, site.app) > before:
        with suppress(DeployKitError, OSError):
            check(site, release, program)


def known_migrations(site: Site) -> Dict[str, bool]:
    """Return the migrations pending in past checks, and whether each breaks older code."""
    found: Dict[str, bool] = {}
    for path in entries(site.root, "checked"):
        if path.suffix == ".json":
            found.update(read_checked(path).migrations)
    return found


def kin(site: Site, live: str, release: str) -> KinResult:
    """Compare the migrations of a release with the live release's, unless its manifest is lost."""
    layers: List[Set[str]] = [set(), set()]
    with suppress(DeployKitError):
        layers[0] = {layer.sha256 for layer in load_release(site.releases / live).layers}
    layers[1] = {layer.sha256 for layer in load_release(site.releases / release).layers}
    # Layers that both have contain the same files, so most layers need not be read.
    files = [_migrations(site, own - (layers[0] & layers[1])) for own in layers]
    return KinResult(files[0] == files[1], live, known_migrations(site))


def _migrations(site: Site, layers: Set[str]) -> Set[Tuple[str, str]]:
    """Return the path and SHA-256 of each migration in these layers of the store."""
    return {
        (one.path, one.sha256)
        for layer in layers
        for one in store.load_entries(site.store, layer)
        if "/migrations/" in one.path and one.path.endswith(".py")
    }


def _breaking(report: DeployCheckReport) -> Dict[str, bool]:
    return {
        f"{one.app}.{one.name}": any(operation.breaks for operation in one.operations)
        for database in report.migrations
        for one in database.pending
    }


def read_report(text: str) -> Optional[DeployCheckReport]:
    """Return the report in a command's output, or None if it contains no valid report.

    The project may print other text before the report.
    """
    for start in (0, text.find("\n{") + 1):
        try:
            return parse(DeployCheckReport, text[start:], "report")
        except WireError:
            continue
    return None


def migrate(
    site: Site,
    release: str,
    databases: Sequence[str],
    program: Sequence[str],
    owner: str,
    emit: Emit,
) -> MigrateResult:
    """Migrate, and write the result to the journal.

    Runs the Procfile's ``release`` line if there is one, else ``migrate`` for each database.
    """
    show = lambda text: emit(Activity("wait", text))  # noqa: E731
    wait_for_migrations(supervisor_of(site, program), show)
    record = JournalRecord("migrate", release, "done", owner)
    try:
        for argv in migrate_commands(load_release(site.releases / release), databases):
            _run(inside(site, release, program, argv), argv, emit)
    except DeployKitError as error:
        append_or_warn(site.journal, replace(record, result="failed", why=error.message), emit)
        raise
    append_or_warn(site.journal, record, emit)
    return MigrateResult(tuple(databases))


def upload(site: Site, release: str, program: Sequence[str], emit: Emit) -> UploadResult:
    """Run collectstatic in a release, whose storage of static files is not a folder."""
    argv = ["collectstatic", "--noinput"]
    _run(inside(site, release, program, argv), argv, emit)
    return UploadResult(release)


def _run(command: CommandLine, argv: Sequence[str], emit: Emit) -> None:
    code, _, errors = capture(command, lambda line: emit(OutputLine(line)))
    if code:
        raise DeployKitError(f"`{' '.join(argv)}` failed with exit code {code}", _end_of(errors))


def _end_of(errors: str) -> str:
    """Return where and why a command failed: the last frame of a traceback, and the exception.

    The caller has already seen the whole output line by line.
    """
    lines = errors.splitlines()[-20:]
    frames = [n for n, line in enumerate(lines) if line.startswith('  File "')]
    return "\n".join(lines[frames[-1] :] if frames else lines)


def migrate_commands(manifest: Manifest, databases: Sequence[str]) -> List[List[str]]:
    """Return the migration commands, as arguments of the project's command."""
    if any(process.name == "release" for process in manifest.processes):
        return [["--process", "release"]]
    return [["migrate", "--noinput", "--database", name] for name in databases]


def inside(site: Site, release: str, program: Sequence[str], argv: Sequence[str]) -> CommandLine:
    """Return the command that runs ``argv`` as the site's user, in the site's sandbox."""
    return supervisor_of(site, program).command(release, argv, hints.environment())
