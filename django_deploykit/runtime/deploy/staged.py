"""Switches to a release that is staged on this host, after verifying it."""

from __future__ import annotations

from typing import Sequence

from ..base.site import Site, live_release
from ..bundle import signature
from ..storage.prune import staged_releases
from ..storage.virtualenv import load_release
from ..supervisors import supervisor_of
from ..wire.events import Emit
from ..wire.journal import last_good, read_journal
from ..wire.releasing import SwitchResult
from .probing import probe_host, processes_of
from .staging import validate_files
from .switch import Change, settle, switch


def switch_to_staged(
    site: Site, release: str, action: str, owner: str, program: Sequence[str], emit: Emit
) -> SwitchResult:
    """Switch to a release; ``action`` is the word for the journal."""
    supervisor = supervisor_of(site, program)
    settle(site, supervisor, emit)
    manifest = load_release(site.releases / release)
    signature.verify_release(site, release, manifest)
    if action == "rollback":
        validate_files(site, manifest, emit)
        if not site.host:
            from .project_commands import refresh

            refresh(site, release, program)
    change = Change(release, live_release(site), action, owner, manifest.commit)
    switch(site, supervisor, change, emit)
    back = last_good(read_journal(site.journal), release, staged_releases(site))
    web = "web" in processes_of(site, manifest)
    return SwitchResult(release, back, probe_host(site, release) if web else "")
