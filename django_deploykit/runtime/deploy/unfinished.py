"""Waits for work that goes on although the release that started it has ended.

The deploy lock ends with the process that holds it. That process can be killed while a verb or a
migration still runs on the host.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Callable, List

from ..base import deploy_lock
from ..base.deploy_lock import LockedError
from ..supervisors.base import RunningCommand, Supervisor

_POLL = 0.2  # seconds
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
            raise LockedError({"what": str(found[0]), "time": found[0].since})
        time.sleep(_POLL)
