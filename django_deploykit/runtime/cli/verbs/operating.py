"""Verbs for inspecting and operating a site."""

from __future__ import annotations

import argparse
import sys
from typing import Callable, List, Optional, Tuple

from ...base import deploy_lock
from ...base.errors import LIVE, REFUSED, DeployKitError
from ...base.hints import install_command, logs_command, status_command, verb_command
from ...base.processes import run as run_command
from ...base.site import Site, live_release
from ...bundle.manifest import Manifest
from ...deploy.facts import configuration_warnings, drift, lock_owner
from ...deploy.probing import (
    answer_of,
    probe_hosts,
    processes_of,
    processes_that_do_not_run,
    site_problem,
)
from ...deploy.unfinished import interruption
from ...storage import prune
from ...storage.shared import changed_files
from ...storage.virtualenv import load_release
from ...supervisors import supervisor_of
from ...supervisors.local import LocalSupervisor
from ...wire.calls import Call
from ...wire.journal import JournalRecord, read_journal
from ...wire.logs import LOG, LogPage, LogRequest, log_request
from ...wire.operating import (
    CANCEL,
    END,
    HISTORY,
    STATUS,
    WATCH,
    CancelResult,
    CommandStatus,
    EndResult,
    HistoryResult,
    HostStatus,
    InstanceStatus,
    WatchResult,
)
from ..registry import (
    SOME_RELEASE,
    WAIT,
    Invocation,
    argument,
    line_count,
    live_of,
    moment,
    pattern,
    text_verb,
    verb,
)

_RESTART = Call("restart", JournalRecord)  # only people call it, so no code reads the answer


def _after_status(found: HostStatus) -> str:
    if found.answers:
        return ""
    if found.live is None:
        return install_command()
    again = verb_command("restart")
    return f"`{logs_command()}` shows why; `{again}` starts a site that was stopped"


@verb(
    STATUS,
    "show what is live on this host, and whether it answers",
    argument("--quick", action="store_true", help="do not look for changed files"),
    exit_code=lambda found: LIVE if found.answers else REFUSED,
    next_step=_after_status,
)
def status(run: Invocation) -> HostStatus:
    """Return the live release, the processes, and what was changed by hand."""
    site = run.site
    supervisor = supervisor_of(site, run.program)
    live = live_release(site)
    manifest, lost = _manifest_of(site, live)
    changed: List[str] = []
    if live and manifest and not run.options.quick:
        changed = changed_files(site.releases / live, site.store, manifest)
    running = supervisor.instances()
    problem = lost or "nothing is live"
    if manifest:
        problem = site_problem(site, running, manifest)
    down = processes_that_do_not_run(site, running, manifest) if manifest else []
    known = {(one.release, one.process) for one in running}
    missing = [
        InstanceStatus(live or "", name, False) for name in down if (live, name) not in known
    ]
    return HostStatus(
        live=live,
        listen=site.listen,
        commit=manifest.commit if manifest else "",
        instances=(*(InstanceStatus(**vars(one)) for one in running), *missing),
        answers=not problem,
        problem=problem,
        staged=tuple(prune.staged_releases(site)),
        lock=lock_owner(site),
        interrupted=(site.root / "switching.json").exists(),
        changed=tuple(changed),
        drift=drift(site, supervisor),
        warnings=configuration_warnings(supervisor),
        commands=tuple(CommandStatus(**vars(one)) for one in supervisor.commands()),
    )


def _manifest_of(site: Site, live: Optional[str]) -> Tuple[Optional[Manifest], str]:
    """Return the manifest of the live release, or None and why it cannot be read."""
    try:
        return (load_release(site.releases / live) if live else None), ""
    except DeployKitError as error:
        return None, f"{error}\n{error.hint}"


@verb(HISTORY, "show the journal of this host")
def history(run: Invocation) -> HistoryResult:
    """Return the site's journal, and a release that was interrupted since its last record."""
    site = run.site
    last = interruption(site, deploy_lock.left_by(site.root / "lock"))
    return HistoryResult((*read_journal(site.journal), *([last] if last else ())))


@verb(WATCH, "measure how the live site answers", own_input=True, listed=False)
def watch(run: Invocation) -> WatchResult:
    """Send requests to the live site until standard input ends; does nothing if none is live."""
    from ...deploy.latency import watch as watch_site

    site = run.site
    live = live_release(site)
    if live is None:
        return WatchResult()
    host, _ = answer_of(site, probe_hosts(site, live))
    return watch_site(site, host, sys.stdin.fileno(), run.voice.emit)


_WHICH_LINES = (
    argument(
        "--process",
        action="append",
        metavar="NAME",
        help="a process of the Procfile, several times for several; default: web",
    ),
    SOME_RELEASE,
    argument("--lines", type=line_count, help="how many lines; default: 50, or all --since"),
    argument("--since", type=moment, help="lines since 10m, 2h, 1d, or 2026-11-30T22:15 in UTC"),
    argument("--grep", type=pattern, metavar="PATTERN", help="lines with this regular expression"),
)


@verb(LOG, "return lines of logs", *_WHICH_LINES, argument("--cursor", default=""), listed=False)
def log(run: Invocation) -> LogPage:
    """Return a page of the logs of processes."""
    return _log_reader(run)(_log_request(run.options, run.options.cursor))


@text_verb(
    "logs",
    "print the last lines of processes' logs",
    *_WHICH_LINES,
    argument("--follow", "-f", action="store_true", help="print new lines as they come"),
    own_input=True,
)
def logs(run: Invocation) -> int:
    """Print the logs of processes."""
    from ..logs import follow

    return follow(_log_reader(run), _log_request(run.options), run.options.follow)


def _log_request(options: argparse.Namespace, cursor: str = "") -> LogRequest:
    names = tuple(options.process or ())
    return log_request(names, options.release or "", options.lines, options.since, cursor)


def _log_reader(run: Invocation) -> Callable[[LogRequest], LogPage]:
    """Return what reads the logs of this host's processes."""
    from ..logs import read_logs

    site, options = run.site, run.options
    supervisor = supervisor_of(site, run.program)
    release = live_of(site, options.release)
    known = processes_of(site, load_release(site.releases / release))
    return lambda request: read_logs(supervisor, request, options.grep, known)


@text_verb(
    "exec",
    "run a Django command with this host's configuration",
    SOME_RELEASE,
    argument("argv", nargs="+", metavar="COMMAND", help="the command and its arguments, after --"),
    own_input=True,
)
def execute(run: Invocation) -> int:
    """Run a command of the release."""
    site, argv = run.site, list(run.options.argv)
    release = live_of(site, run.options.release)
    if release not in prune.staged_releases(site):
        staged = ", ".join(prune.staged_releases(site)) or "nothing"
        raise DeployKitError(f"{release} is not staged here", f"Staged: {staged}.")
    return run_command(supervisor_of(site, run.program).command(release, argv, {}))


@verb(_RESTART, "restart the live release, after checking its configuration", WAIT)
def restart(run: Invocation) -> JournalRecord:
    """Check the current configuration, then restart the processes, which read it again."""
    from ...deploy.current import restart as restart_release
    from ...deploy.here import Errand, Here

    site = run.site
    release = live_of(site, None)
    here = Here(site, run.path, Errand("restart", "restarting", run.options.wait), run.voice)
    with here.lock():
        supervisor = supervisor_of(site, run.program)
        result = here.check(release)
        return restart_release(site, supervisor, release, result, here.owner, run.voice.emit)


@verb(
    CANCEL,
    "end a command that still runs",
    argument("id", metavar="ID", help="its ID, as `status` shows it"),
)
def cancel(run: Invocation) -> CancelResult:
    """End a command, such as a migration whose release was interrupted."""
    supervisor, name = supervisor_of(run.site, run.program), run.options.id
    found = next((one for one in supervisor.commands() if one.id == name), None)
    if found is None:
        raise DeployKitError(
            f"no command {name} runs here", f"`{status_command()}` shows the commands that run."
        )
    supervisor.cancel(found.id)
    return CancelResult(CommandStatus(**vars(found)))


@verb(END, "stop a site that runs without systemd")
def end(run: Invocation) -> EndResult:
    """Stop the processes of a ``local`` site."""
    site = run.site
    if site.supervisor != "plain":
        raise DeployKitError(
            "this site runs under systemd",
            f"Use: sudo systemctl stop {site.app}.service {site.app}.socket",
        )
    return EndResult(LocalSupervisor(site, run.program).end())
