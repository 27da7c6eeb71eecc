"""Supervisors keep the processes of a site running. This module has the table of them."""

from __future__ import annotations

from typing import Callable, Dict, Sequence

from ..base.site import Site
from .base import Supervisor

# Arguments: a site, and the command that runs verbs of this runtime.
Factory = Callable[[Site, Sequence[str]], Supervisor]


def _plain(site: Site, program: Sequence[str]) -> Supervisor:
    from .local import LocalSupervisor

    return LocalSupervisor(site, program)


def _systemd(site: Site, program: Sequence[str]) -> Supervisor:
    from .systemd import SystemdSupervisor

    return SystemdSupervisor(site)


# By the name in site.json. Each imports its module only when needed, so that verbs start fast.
SUPERVISORS: Dict[str, Factory] = {"plain": _plain, "systemd": _systemd}


def supervisor_of(site: Site, program: Sequence[str]) -> Supervisor:
    """Return the site's supervisor; ``program`` is the command that runs verbs of this runtime."""
    return SUPERVISORS[site.supervisor](site, program)
