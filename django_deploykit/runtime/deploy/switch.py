"""Switches to a staged release, or leaves everything as it was.

The new instances start next to the old ones on the shared socket and are verified. Then the new
release becomes ``current`` and the old instances finish. ``<root>/switching.json`` records the
switch first, so that :func:`settle` can finish or revert it if the process dies at any point.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Optional, Sequence, Tuple

from ..base.errors import HALF_DONE, TAKEN_BACK, DeployKitError
from ..base.files import read_bytes, write_and_replace
from ..base.hints import change_option
from ..base.lazy_dataclass import lazy_dataclass
from ..base.probe import ask, response_problem
from ..base.site import Site, checked_path, live_release
from ..bundle.manifest import Manifest
from ..storage.virtualenv import link_hashed_of_others, load_release
from ..supervisors.base import LAST_LINES, ProcessError, Running, Supervisor
from ..wire.events import Activity, Emit, HostWarning
from ..wire.journal import JournalRecord, append
from ..wire.reader import IgnoresUnknownKeys, WireError, parse, plain
from ..wire.reports import read_checked

_PATIENCE = 10.0  # seconds for a response of the live site


@lazy_dataclass(frozen=True)
class Change(IgnoresUnknownKeys):
    """A switch: the old release (if any), the new release, and who asked for it.

    ``switching.json`` holds it during the switch, with the ``stage`` ``started`` or ``switched``.
    """

    to: str
    before: Optional[str]
    action: str = "release"  # or "rollback"
    owner: str = ""
    commit: str = ""
    stage: str = ""


def processes_of(site: Site, manifest: Manifest) -> List[str]:
    """Return the processes of a release that run on this host, ``web`` first."""
    names = [process.name for process in manifest.processes if process.name != "release"]
    names = [name for name in names if not site.roles or name in site.roles]
    return sorted(names, key=lambda name: (name != "web", name))


def point(site: Site, release: str) -> None:
    """Make ``current`` point at a release, atomically."""
    temporary = site.root / f".current-{os.getpid()}"
    temporary.unlink(missing_ok=True)
    os.symlink(f"releases/{release}", temporary)
    os.replace(temporary, site.current)


def switch(site: Site, supervisor: Supervisor, change: Change, emit: Emit) -> JournalRecord:
    """Switch to the new release; on any failure, revert and raise an error.

    Returns the journal's record. The error's exit code is 4 if everything is as before, or 5 if
    not. Its message says which release serves.
    """
    begun = time.monotonic()
    try:
        _note(site, change, "started")
        _forward(site, supervisor, change, emit)
    except BaseException as error:
        with without_interrupts():
            _take_back(site, supervisor, change, error, emit)
        raise AssertionError("unreachable") from error
    with without_interrupts():
        return _conclude(site, change, emit, round(time.monotonic() - begun, 3))


def _conclude(
    site: Site, change: Change, emit: Emit, seconds: Optional[float] = None
) -> JournalRecord:
    """Journal a switch that is live, and remove ``switching.json``.

    If the journal cannot be written, the file stays; the next :func:`settle` journals the switch.
    """
    record = JournalRecord(
        change.action,
        change.to,
        "live",
        change.owner,
        change.commit,
        before=change.before,
        seconds=seconds,
    )
    try:
        append(site.journal, record)
    except OSError as error:
        emit(HostWarning(f"{site.journal} cannot be written: {error.strerror}"))
        return record
    _forget(site)
    return record


@contextmanager
def without_interrupts() -> Iterator[None]:
    """Ignore Ctrl-C during the block, which must not stop halfway."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _forward(site: Site, supervisor: Supervisor, change: Change, emit: Emit) -> None:
    manifest = load_release(site.releases / change.to)
    processes = processes_of(site, manifest)
    web = [name for name in processes if name == "web"]
    others = [name for name in processes if name != "web"]
    link_hashed_of_others(
        site.releases, change.to, manifest
    )  # WhiteNoise lists the files only once, at its start
    emit(Activity("start", ", ".join(web)))
    supervisor.start(change.to, web)
    if web:
        emit(Activity("verify", site.health))
        running = verify(site, supervisor, change.to)
    else:
        running = supervisor.instances()
    old = old_processes(running, change.to)
    for release, names in old.items():
        workers = [name for name in names if name != "web"]
        if workers:
            emit(Activity("drain", f"{', '.join(workers)} of {release}"))
            _drain(site, supervisor, release, workers, emit)
    if others:
        emit(Activity("start", ", ".join(others)))
        supervisor.start(change.to, others)
    point(site, change.to)
    supervisor.enable(change.to, processes)
    _note(site, change, "switched")
    emit(Activity("switched", change.to))
    for release, names in old.items():
        if "web" in names:
            emit(Activity("drain", f"web of {release}"))
            _drain(site, supervisor, release, ["web"], emit)
    if web:
        _verify_live(site, supervisor, change.to)


def _drain(
    site: Site, supervisor: Supervisor, release: str, names: Sequence[str], emit: Emit
) -> None:
    """Stop processes of an old release, and warn about the ones that had to be killed."""
    for name in supervisor.stop(release, names):
        emit(
            HostWarning(
                f"{name} of {release} did not finish within {site.drain:g} s and was killed; "
                f"to wait longer, {change_option('drain', 'SECONDS')}"
            )
        )


def old_processes(running: Sequence[Running], new: str) -> Dict[str, List[str]]:
    """Return the running processes of other releases, grouped by release."""
    found: Dict[str, List[str]] = {}
    for one in running:
        if one.release != new:
            found.setdefault(one.release, []).append(one.process)
    return found


def verify(site: Site, supervisor: Supervisor, release: str) -> List[Running]:
    """Send requests to the new web instance's own socket until it responds well.

    Returns the instances of all releases at that time. Raises :class:`ProcessError` if the response
    stays bad or the instance dies.
    """
    address, host = supervisor.probe_address(release), probe_host(site, release)
    end = time.monotonic() + site.boot
    patience, problem = 2.0, ""
    while True:
        left = end - time.monotonic()
        if left <= 0:
            break
        status, problem = ask_pages(site, address, host, min(patience, max(left, 0.5)))
        problem = problem or _foreign(address)
        if not problem:
            break
        _require_alive(supervisor, release)
        if status and status not in (502, 503):
            break
        patience = min(10.0, patience * 2)
        time.sleep(0.05)
    running = _require_alive(supervisor, release)
    if problem:
        raise ProcessError(
            f"web of {release} is not healthy: {problem}", _last_lines(supervisor, release)
        )
    return running


def ask_pages(site: Site, address: str, host: str, timeout: float) -> Tuple[int, str]:
    """Request the site's pages; return the status and problem of the first bad response, if any.

    ``timeout`` is in seconds for each.
    """
    for page in site.pages:
        answer = ask(address, page, host, site.proxied, timeout=timeout)
        problem = response_problem(answer, page, host)
        if problem:
            return answer.status, problem
    return 200, ""


def _foreign(address: str) -> str:
    """Return a problem if the socket's path is a link to another release's, or an empty string."""
    linked = address.startswith("/") and Path(address).is_symlink()
    return f"{address} is a link: another release may have answered there" if linked else ""


def _verify_live(site: Site, supervisor: Supervisor, release: str) -> None:
    """Send a request to the live socket, on which only the new instance answers now."""
    host = probe_host(site, release)
    _, problem = ask_pages(site, site.listen, host, _PATIENCE)
    if problem:
        raise ProcessError(
            f"the site does not answer on {site.listen}: {problem}",
            _last_lines(supervisor, release),
        )
    _require_alive(supervisor, release)


def _require_alive(supervisor: Supervisor, release: str) -> List[Running]:
    running = supervisor.instances()
    found = [one for one in running if one.release == release and one.process == "web"]
    if not found or not found[0].active or found[0].restarts:
        raise ProcessError(
            f"web of {release} died during its verification", _last_lines(supervisor, release)
        )
    return running


def _last_lines(supervisor: Supervisor, release: str) -> str:
    lines = supervisor.log(release, "web", LAST_LINES)
    return "\n".join(["Its last lines:", *("  " + line for line in lines)]) if lines else ""


def probe_hosts(site: Site, release: str) -> List[str]:
    """Return Host headers to try on the live release: its own, then the ones from other checks.

    Its own is out of date if the configuration changed after its check.
    """
    found = [probe_host(site, release)]
    if not site.host:
        with suppress(OSError):
            paths = sorted(
                checked_path(site, release).parent.glob("*.json"),
                key=os.path.getmtime,
                reverse=True,
            )
            found += [probe_host(site, path.stem) for path in paths]
    return list(dict.fromkeys(found))


def probe_host(site: Site, release: str) -> str:
    """Return the Host header for probes: the site's, or the one that the release's check chose."""
    if site.host:
        return site.host
    return read_checked(checked_path(site, release)).host


def _take_back(
    site: Site, supervisor: Supervisor, change: Change, error: BaseException, emit: Emit
) -> None:
    """Undo every step, including the failed one, journal it, and raise the error."""
    emit(Activity("revert", change.before or ""))
    problems = revert(site, supervisor, change)
    why = error.message if isinstance(error, DeployKitError) else f"{type(error).__name__}: {error}"
    if isinstance(error, KeyboardInterrupt):
        why = "it was interrupted"
    hint = error.hint if isinstance(error, DeployKitError) else ""
    record = JournalRecord(change.action, change.to, "failed", change.owner, why=why)
    with suppress(OSError):
        append(site.journal, record)
    if problems:
        text = "; ".join(problems)
        raise DeployKitError(f"{why}\nReverting it failed too: {text}", hint, HALF_DONE) from error
    _forget(site)
    serving = (
        f"{change.before} serves as before"
        if change.before
        else "nothing was live before, nothing is now"
    )
    raise DeployKitError(f"{why}\n{serving}.", hint, TAKEN_BACK) from error


def revert(site: Site, supervisor: Supervisor, change: Change) -> List[str]:
    """Restore the state before a switch, however far it got; return what could not be restored."""
    problems: List[str] = []

    def attempt(step: Callable[..., object], *arguments: object) -> None:
        try:
            step(*arguments)
        except (DeployKitError, OSError) as error:
            problems.append(str(error).splitlines()[0])

    try:
        names = [one.process for one in supervisor.instances() if one.release == change.to]
        old = (
            processes_of(site, load_release(site.releases / change.before)) if change.before else []
        )
    except DeployKitError as error:
        return [error.message.splitlines()[0]]
    if change.before:
        attempt(supervisor.start, change.before, [name for name in old if name == "web"])
        attempt(point, site, change.before)
        attempt(supervisor.stop, change.to, names)
        attempt(supervisor.start, change.before, [name for name in old if name != "web"])
        attempt(supervisor.enable, change.before, old)
    else:
        # First, because a supervisor that stops the last process checks whether a release is live.
        with suppress(FileNotFoundError):
            site.current.unlink()
        attempt(supervisor.stop, change.to, names)
        attempt(supervisor.enable, change.to, [])
    return problems


def settle(site: Site, supervisor: Supervisor, emit: Emit) -> Optional[str]:
    """Finish or revert a switch whose process died.

    Returns the release that serves, or None if no switch was interrupted.
    """
    path = site.root / "switching.json"
    try:
        change = parse(Change, read_bytes(path).decode("utf-8"), path.name)
    except FileNotFoundError:
        return None
    except (ValueError, WireError):
        path.unlink()
        return None
    if change.stage == "switched" and live_release(site) == change.to:
        return _settle_forward(site, supervisor, change, emit)
    emit(Activity("settle", change.before or ""))
    problems = revert(site, supervisor, change)
    if problems:
        raise DeployKitError(
            f"an interrupted switch cannot be reverted: {'; '.join(problems)}", "", HALF_DONE
        )
    record = JournalRecord(change.action, change.to, "failed", change.owner, why="interrupted")
    append(site.journal, record)
    _forget(site)
    return change.before


def _settle_forward(site: Site, supervisor: Supervisor, change: Change, emit: Emit) -> str:
    emit(Activity("settle", change.to))
    processes = processes_of(site, load_release(site.releases / change.to))
    supervisor.start(change.to, processes)
    for release, names in old_processes(supervisor.instances(), change.to).items():
        _drain(site, supervisor, release, names, emit)
    _conclude(site, change, emit)
    return change.to


def _note(site: Site, change: Change, stage: str) -> None:
    text = json.dumps(plain(replace(change, stage=stage)))
    write_and_replace(site.root / "switching.json", text, sync=True)  # survives a power failure


def _forget(site: Site) -> None:
    (site.root / "switching.json").unlink(missing_ok=True)
