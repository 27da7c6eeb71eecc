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
from typing import Callable, Dict, Iterator, List, Optional, Sequence

from ..base.errors import HALF_DONE, TAKEN_BACK, DeployKitError
from ..base.files import read_bytes, temporary_path, write_in_place
from ..base.hints import change_option
from ..base.lazy_dataclass import lazy_dataclass
from ..base.site import Site, live_release
from ..storage.hashed import link_hashed_of_others
from ..storage.virtualenv import load_release
from ..supervisors.base import Running, Supervisor
from ..wire.events import Activity, Emit, HostWarning
from ..wire.journal import JournalRecord, append_or_warn
from ..wire.reader import IgnoresUnknownKeys, WireError, parse, plain
from .probing import processes_of, verify, verify_live


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


def point(site: Site, release: str) -> None:
    """Make ``current`` point at a release, atomically. Nothing is written if it does already."""
    if live_release(site) == release:
        return
    temporary = temporary_path(site.current)
    os.symlink(f"releases/{release}", temporary)
    os.replace(temporary, site.current)


def _point_nowhere(site: Site) -> None:
    with suppress(FileNotFoundError):
        site.current.unlink()


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
    if append_or_warn(site.journal, record, emit):
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
    before = supervisor.instances()
    if change.before and change.before not in {one.release for one in before}:
        # The site was stopped. A visitor starts what is enabled as soon as the site listens again.
        supervisor.enable(change.to, web)
    supervisor.start(change.to, web)
    if web:
        emit(Activity("verify", site.health))
        running = verify(site, supervisor, change.to, before)
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
        verify_live(site, supervisor, change.to, before)


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
    append_or_warn(site.journal, record, emit)
    if problems:
        text = "; ".join(problems)
        raise DeployKitError(f"{why}\nReverting it failed too: {text}", hint, HALF_DONE) from error
    _forget(site)
    raise DeployKitError(f"{why}\n{_serving(change)}.", hint, TAKEN_BACK) from error


def _serving(change: Change) -> str:
    """Return what serves after a switch was reverted, as text."""
    if change.before is None:
        return "nothing was live before, nothing is now"
    if change.before == change.to:
        return f"{change.to} was live before and stays live; none of its processes were stopped"
    return f"{change.before} serves as before"


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
    if change.before == change.to:
        # The release is live: its processes are started if they have ended, but never stopped. If
        # they do not start, the error of the switch says why.
        with suppress(DeployKitError):
            supervisor.start(change.to, old)
        attempt(point, site, change.to)
        attempt(supervisor.enable, change.to, old)
    elif change.before:
        attempt(supervisor.start, change.before, [name for name in old if name == "web"])
        attempt(point, site, change.before)
        attempt(supervisor.stop, change.to, names)
        attempt(supervisor.start, change.before, [name for name in old if name != "web"])
        attempt(supervisor.enable, change.before, old)
    else:
        # First, because a supervisor that stops the last process checks whether a release is live.
        attempt(_point_nowhere, site)
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
        _forget(site)
        return None
    forward = change.stage == "switched" and live_release(site) == change.to
    if not forward and not _starts(site, supervisor, change.before):
        forward = _answers(site, supervisor, change.to)  # the new release is the one that runs
    emit(Activity("settle", (change.to if forward else change.before) or ""))
    if forward:
        try:
            return _settle_forward(site, supervisor, change, emit)
        except DeployKitError as error:
            if not change.before or not _starts(site, supervisor, change.before):
                raise _given_up(site, change, [error.message], emit) from error
    problems = revert(site, supervisor, change)
    if problems:
        raise _given_up(site, change, problems, emit)
    record = JournalRecord(change.action, change.to, "failed", change.owner, why="interrupted")
    append_or_warn(site.journal, record, emit)
    _forget(site)
    return change.before


def _starts(site: Site, supervisor: Supervisor, release: Optional[str]) -> bool:
    """Start the web process of a release, as going back to it does; return whether it runs."""
    if release is None:
        return True
    try:
        processes = processes_of(site, load_release(site.releases / release))
        supervisor.start(release, [name for name in processes if name == "web"])
    except DeployKitError:
        return False
    return True


def _answers(site: Site, supervisor: Supervisor, release: str) -> bool:
    """Return whether the web process of a release runs and answers well."""
    before = supervisor.instances()
    if not any(one.release == release and one.process == "web" for one in before):
        return False
    try:
        verify(site, supervisor, release, before)
    except DeployKitError:
        return False
    return True


def _given_up(site: Site, change: Change, problems: Sequence[str], emit: Emit) -> DeployKitError:
    """Forget a switch that can neither be finished nor reverted, so that it blocks no release."""
    why = "; ".join(one.splitlines()[0] for one in problems)
    record = JournalRecord(
        change.action, change.to, "failed", change.owner, why=f"interrupted; {why}"
    )
    append_or_warn(site.journal, record, emit)
    _forget(site)
    return DeployKitError(
        f"an interrupted switch from {change.before or 'nothing'} to {change.to} can neither be "
        f"finished nor reverted: {why}",
        "The site may be down. Run the same command again, or release another commit: "
        "the next release does not wait for this switch.",
        HALF_DONE,
    )


def _settle_forward(site: Site, supervisor: Supervisor, change: Change, emit: Emit) -> str:
    processes = processes_of(site, load_release(site.releases / change.to))
    supervisor.start(change.to, processes)
    point(site, change.to)
    supervisor.enable(change.to, processes)
    for release, names in old_processes(supervisor.instances(), change.to).items():
        _drain(site, supervisor, release, names, emit)
    _conclude(site, change, emit)
    return change.to


def _note(site: Site, change: Change, stage: str) -> None:
    """Record a switch, so that it survives a power failure, also on a full disk."""
    path = site.root / "switching.json"
    text = json.dumps(plain(replace(change, stage=stage)))
    if path.exists():
        write_in_place(path, text)
    else:
        spare = _spare(site)
        write_in_place(spare, text)
        os.replace(spare, path)


def _forget(site: Site) -> None:
    """Remove the record of a switch; its file stays under another name, for the next one.

    On a disk that cannot be written the record stays, and the next release settles it.
    """
    with suppress(OSError):
        os.replace(site.root / "switching.json", _spare(site))


def _spare(site: Site) -> Path:
    return site.root / "spare.json"
