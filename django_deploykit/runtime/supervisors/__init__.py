"""What keeps the processes of a site running: systemd on a server, a daemon of ours for ``local``."""

from __future__ import annotations

from typing import Sequence

from ..base.site import Site
from .base import Supervisor


def supervisor_of(site: Site, program: Sequence[str]) -> Supervisor:
    """Return who keeps the site's processes; ``program`` runs verbs of this runtime."""
    if site.supervisor == "plain":
        from ..supervisors.local import Plain

        return Plain(site, program)
    from ..supervisors.systemd import Systemd

    return Systemd(site)
