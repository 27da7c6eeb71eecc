"""The ways to reach hosts from a controller. Each has a module, and an entry in ``TRANSPORTS``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from django_deploykit.release.runtime_archive import runtime_archive

if TYPE_CHECKING:
    from django_deploykit.project.inventory import Host
    from django_deploykit.release.host_python import FindPython
    from django_deploykit.release.transports.base import Transport


def _local(root: Path, *_: object) -> Transport:
    from django_deploykit.release.transports.local import Local

    return Local(root, runtime_archive())


def _ssh(root: Path, host: Host, as_root: bool, python: FindPython | None) -> Transport:
    from django_deploykit.release.transports.ssh import Ssh  # it imports Fabric, which is slow

    return Ssh(host, root, runtime_archive(), as_root=as_root, python=python)


TRANSPORTS: dict[str, Callable[..., Transport]] = {"local": _local, "ssh": _ssh}


def transport_to(
    root: Path,
    host: Host | None = None,
    *,
    as_root: bool = False,
    python: FindPython | None = None,
) -> Transport:
    """Return a transport, not yet connected, to a site's folder on a server or on this machine.

    ``python`` finds the Python for a server that has none.
    """
    return TRANSPORTS["ssh" if host else "local"](root, host, as_root, python)
