"""What this host is to a site: its supervisor, its configuration, the facts a plan is made from."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, Dict, List, Sequence

from ..base import deploy_lock, journal
from ..base.configuration import configured_keys, fill
from ..base.errors import DeployKitError
from ..base.machine import here_glibc, here_platform
from ..base.site import Site, live_release, load_site
from ..bundle import signature
from ..storage import layers, prune, receive
from ..storage.virtualenv import find_python
from ..supervisors import supervisor_of
from ..supervisors.base import Supervisor


def facts(root: Path, python: str, program: Sequence[str]) -> Dict[str, Any]:
    """Return what a plan needs to know of this host; read-only, and works on a bare host too.

    Without ``python``, the version that a bundle needs, its configuration is not read.
    """
    result: Dict[str, Any] = {
        "setup": (root / "site.json").exists(),
        "python": find_python(python),
        "platform": here_platform(),
        "glibc": here_glibc(),
        "clock": time.time(),
        "hostname": os.uname().nodename,
        "user": os.environ.get("USER", str(os.getuid())),
    }
    if not result["setup"]:
        return result
    site = load_site(root)
    found = {**result, **site_facts(site, program)}
    if python:  # a bundle is to come; a way back needs no configuration
        found.update(configuration(site, supervisor_of(site, program)))
    return found


def site_facts(site: Site, program: Sequence[str]) -> Dict[str, Any]:
    """Return the facts of a site that is set up."""
    status = os.statvfs(site.root)
    records = journal.read(site.journal)
    staged = prune.staged(site)
    live = live_release(site)
    supervisor = supervisor_of(site, program)
    return {
        "free": status.f_bavail * status.f_frsize + prune.reclaimable(site),
        "inodes": status.f_favail if status.f_files else None,
        "layers": layers.present(site.store),
        "bases": base_layers(site),
        "parts": receive.parts(site.store),
        "live": live,
        "staged": staged,
        "last_good": journal.last_good(records, live, staged),
        "serving": sorted({one.release for one in supervisor.instances() if one.active}),
        "switching": (site.root / "switching.json").exists(),
        "lock": deploy_lock.holder(site.root / "lock"),
        "site": site.dumps(),
        "asks": signature.wanted(site),
    }


def configuration(site: Site, supervisor: Supervisor) -> Dict[str, Any]:
    """Return the configuration's option names and how the host's units differ from what they should be.

    ``processes`` are those that the host has units for; absent where it needs none.
    """
    from ..supervisors.systemd import Systemd

    if isinstance(supervisor, Systemd):
        return {
            "keys": supervisor.keys(),
            "drift": supervisor.drift(),
            "processes": supervisor.kinds,
        }
    return {"keys": configured_keys(site.etc, site.app), "drift": []}


def base_layers(site: Site) -> List[Dict[str, str]]:
    """Return app and static layers of staged releases, the newest first: what a delta can start from."""
    found: List[Dict[str, str]] = []
    for manifest in reversed(prune.manifests(site)):
        for layer in manifest.layers:
            if layer.kind != "distribution" and layers.has(site.store, layer.sha256):
                found.append(
                    {"kind": layer.kind, "digest": layer.sha256, "release": manifest.release_id}
                )
    return found


def prepare_local(site: Site, sample: str) -> List[str]:
    """Make the folders and files of a ``local`` site; returns the options that wait to be filled in."""
    for folder in (site.root, site.releases, site.store, site.etc, site.data, site.root / "log"):
        folder.mkdir(parents=True, exist_ok=True)
    if not site.ini.exists():
        fd = os.open(site.ini, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(fd, "w", encoding="utf-8") as file:
            file.write(fill(sample))
    path = site.root / "site.json"
    if not path.exists() or path.read_text(encoding="utf-8") != site.dumps():
        temporary = path.with_suffix(f".{os.getpid()}")
        temporary.write_text(site.dumps(), encoding="utf-8")
        os.replace(temporary, path)
    return configured_keys(site.etc, site.app)


def _user_name(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def judge_root(root: Path) -> None:
    """Refuse a root that cannot be written by this user, or whose files would then be root's."""
    owner = root.stat().st_uid
    if os.geteuid() == 0 and owner != 0:
        name = _user_name(owner)
        raise DeployKitError(
            f"{root} belongs to {name}; what root leaves there, {name} could not replace",
            f"Run this as {name}: sudo -u {name} ...",
        )
    if not os.access(root, os.W_OK):
        raise DeployKitError(
            f"{root} cannot be written by this user",
            "Connect as the deploy user that --setup made.",
        )
