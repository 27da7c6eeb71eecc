"""Waits for work that goes on although the release that started it has ended.

The deploy lock ends with the process that holds it. That process can be killed while a verb or a
migration still runs on the host. The journal then has no record of how the release ended, so the
next one adds it.
"""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import Callable, List, Optional

from ..base import deploy_lock
from ..base.deploy_lock import LockedError, LockNote
from ..base.site import Site
from ..supervisors.base import RunningCommand, Supervisor
from ..wire.journal import JournalRecord, append, journal_size, read_journal

_POLL = 0.2  # seconds
_ENDINGS = ("release", "rollback")  # the actions whose records say how a release ended
_MIGRATIONS = ("migrate", "--process release")


def is_migration(command: RunningCommand) -> bool:
    """Return whether a command migrates, so that no other release may begin meanwhile."""
    return command.name in _MIGRATIONS


def wait_for_verbs(
    root: Path, show: Callable[[str], None], gone: Callable[[], bool] = lambda: False
) -> None:
    """Wait until no verb changes the site; ``show`` gets a text that names the verb.

    Raises :class:`LockedError` if ``gone`` returns True because the caller has disconnected.
    """
    shown = False
    while True:
        owner = deploy_lock.holder(root / "switch.lock")
        if owner is None:
            return
        if not shown:
            show(deploy_lock.until(owner))
        shown = True
        if gone():
            raise LockedError(owner)
        time.sleep(_POLL)


def wait_for_migrations(
    supervisor: Supervisor, show: Callable[[str], None], gone: Callable[[], bool] = lambda: False
) -> None:
    """Wait until no migration of the site runs; ``show`` gets a text that names each.

    Raises :class:`LockedError` if ``gone`` returns True because the caller has disconnected.
    """
    shown: List[str] = []
    while True:
        found = [one for one in supervisor.commands() if is_migration(one)]
        if not found:
            return
        for one in found:
            if one.id not in shown:
                shown.append(one.id)
                show(f"until {one} has ended; its ID for `cancel` is {one.id}")
        if gone():
            raise LockedError(LockNote(what=str(found[0]), time=found[0].since))
        time.sleep(_POLL)


def interruption(site: Site, left: LockNote) -> Optional[JournalRecord]:
    """Return the record of a release that ended without one, or None.

    ``left`` is what it left in the deploy lock. It has no record if its controller was killed before
    the switch, or if the host lost its power.
    """
    release = left.release
    if not release or deploy_lock.holder(site.root / "switch.lock") is not None:
        return None
    # Not by their times: the clock may have been set meanwhile.
    for record in read_journal(site.journal, left.journal):
        if record.release == release and record.action in _ENDINGS:
            return None
    action = left.action
    return JournalRecord(
        action if action in _ENDINGS else "release",
        release,
        "failed",
        left.owner,
        why="interrupted: its controller or this host ended before it did",
        time=left.time,
    )


def errand_of(site: Site, release: str, action: str) -> LockNote:
    """Return what a holder of the deploy lock writes for :func:`interruption`."""
    if not release:
        return LockNote()
    return LockNote(release=release, action=action, journal=journal_size(site.journal))


def journal_interruption(site: Site, left: LockNote) -> None:
    """Add the record of :func:`interruption` to the journal, if the disk has room for it."""
    with suppress(OSError):
        record = interruption(site, left)
        if record is not None:
            append(site.journal, record)
