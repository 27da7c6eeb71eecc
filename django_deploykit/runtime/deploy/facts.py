"""Collects the facts about this host that a plan is made from."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Dict, Optional, Sequence, Tuple

from ..base import deploy_lock
from ..base.accounts import owner_of, user_name
from ..base.configuration import configured_keys, create, is_unwritten
from ..base.errors import DeployKitError
from ..base.files import read_bytes, write_and_replace
from ..base.hints import setup_command
from ..base.machine import here_glibc, here_platform
from ..base.site import Site, live_release, load_site
from ..base.variables import site_variables
from ..bundle import signature
from ..storage import layers, prune, receive
from ..storage.virtualenv import find_python
from ..supervisors import supervisor_of
from ..supervisors.base import Supervisor
from ..wire.facts import BaseLayer, HostFacts, LockOwner
from ..wire.journal import last_good, read_journal, successes

_NEWEST = 3  # releases that deltas start from


def facts(root: Path, python: str, program: Sequence[str]) -> HostFacts:
    """Return the facts. This only reads, and also works on a host that is not set up.

    ``python`` is the version that a bundle needs. Without it, the configuration is not read.
    """
    bare = HostFacts(
        setup=(root / "site.json").exists(),
        python=find_python(python),
        platform=here_platform(),
        glibc=here_glibc(),
        clock=time.time(),
        hostname=os.uname().nodename,
        user=user_name(os.geteuid()),
    )
    if not bare.setup:
        return bare
    site = load_site(root)
    supervisor = supervisor_of(site, program)
    found = _site_facts(bare, site, supervisor)
    if not python:  # a rollback does not need the configuration
        return found
    keys, drift, processes = _configuration(site, supervisor)
    warnings = configuration_warnings(supervisor)
    return replace(found, keys=keys, drift=drift, processes=processes, warnings=warnings)


def _site_facts(bare: HostFacts, site: Site, supervisor: Supervisor) -> HostFacts:
    """Add the facts of a site that is set up."""
    status = os.statvfs(site.root)
    staged = prune.staged_releases(site)
    live, records = live_release(site), read_journal(site.journal)
    return replace(
        bare,
        free=status.f_bavail * status.f_frsize + prune.reclaimable(site),
        inodes=status.f_favail if status.f_files else None,
        layers=frozenset(layers.stored_digests(site.store)),
        bases=base_layers(site),
        parts=receive.partial_archives(site.store),
        live=live,
        staged=tuple(staged),
        last_good=last_good(records, live, staged),
        newest=max([*successes(records), live or ""]),
        serving=tuple(sorted({one.release for one in supervisor.instances() if one.active})),
        switching=(site.root / "switching.json").exists(),
        lock=lock_owner(site),
        site=site.dumps(),
        asks=signature.is_required(site),
    )


def lock_owner(site: Site) -> Optional[LockOwner]:
    """Return who holds the deploy lock, or None if nobody does."""
    found = deploy_lock.holder(site.root / "lock")
    if found is None:
        return None
    return LockOwner(found.owner, found.what, found.time)


def _configuration(
    site: Site, supervisor: Supervisor
) -> Tuple[Tuple[str, ...], Tuple[str, ...], Optional[Tuple[str, ...]]]:
    """Return the option names, the changed units, and the processes that have units.

    The processes are None if the host does not need units.
    """
    from ..supervisors.systemd import SystemdSupervisor

    if isinstance(supervisor, SystemdSupervisor):
        return tuple(supervisor.keys()), tuple(supervisor.drift()), tuple(supervisor.kinds)
    return _local_keys(site), (), None


def _local_keys(site: Site) -> Tuple[str, ...]:
    """Return the option names of a site without systemd; raises an error if a file is not valid."""
    site_variables(site.etc, site.app)
    return tuple(configured_keys(site.etc, site.app))


def drift(site: Site, supervisor: Supervisor) -> Tuple[str, ...]:
    """Return how this host's units differ from the ones that setup would install."""
    from ..supervisors.systemd import SystemdSupervisor

    return tuple(supervisor.drift()) if isinstance(supervisor, SystemdSupervisor) else ()


def configuration_warnings(supervisor: Supervisor) -> Tuple[str, ...]:
    """Return warnings about the configuration of a site under systemd that no check can see."""
    from ..supervisors.systemd import SystemdSupervisor

    return tuple(supervisor.warnings()) if isinstance(supervisor, SystemdSupervisor) else ()


def base_layers(site: Site) -> Tuple[BaseLayer, ...]:
    """Return the layers that a delta can start from: the newest of each name.

    Only the newest releases are read, because a host may keep many.
    """
    found: Dict[Tuple[str, str], BaseLayer] = {}
    for manifest in prune.iter_manifests(site, prune.staged_releases(site)[: -_NEWEST - 1 : -1]):
        for layer in manifest.layers:
            if layer.kind != "distribution" and layers.is_stored(site.store, layer.sha256):
                base = BaseLayer(layer.kind, layer.sha256, manifest.release_id, layer.name)
                found.setdefault((layer.kind, layer.name), base)
    return tuple(found.values())


def prepare_local(site: Site, sample: str) -> Tuple[str, ...]:
    """Create the folders and files of a ``local`` site; return the options that have a value."""
    for folder in (site.root, site.releases, site.store, site.etc, site.data, site.root / "log"):
        folder.mkdir(parents=True, exist_ok=True)
    if is_unwritten(site.ini):
        create(site.ini, sample)
    path = site.root / "site.json"
    if not path.exists() or read_bytes(path) != site.dumps().encode("utf-8"):
        write_and_replace(path, site.dumps())
    return _local_keys(site)


def validate_root(root: Path) -> None:
    """Raise an error if this user cannot write to the site's folder."""
    if not os.access(root, os.W_OK):
        owner = owner_of(root)
        raise DeployKitError(
            f"this user cannot write to {root}",
            f"Use the deploy user that setup created: {owner.name}"
            if owner.uid
            else f"It belongs to root. Give it back: {setup_command()}",
        )
