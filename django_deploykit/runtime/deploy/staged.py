"""Switches to a release that is staged on this host, after verifying it."""

from __future__ import annotations

from typing import Sequence

from ..base.site import Site, live_release
from ..bundle import signature
from ..storage.virtualenv import load_release
from ..supervisors import supervisor_of
from ..wire.events import Emit
from ..wire.journal import JournalRecord
from .switch import Change, settle, switch


def switch_to_staged(
    site: Site, release: str, action: str, owner: str, program: Sequence[str], emit: Emit
) -> JournalRecord:
    """Switch, and return the journal's record; ``action`` is ``release`` or ``rollback``."""
    supervisor = supervisor_of(site, program)
    settle(site, supervisor, emit)
    manifest = load_release(site.releases / release)
    signature.verify_release(site, release, manifest)
    if action == "rollback" and not site.host:
        from .project_commands import refresh

        refresh(site, release, program)
    change = Change(release, live_release(site), action, owner, manifest.commit)
    return switch(site, supervisor, change, emit)
