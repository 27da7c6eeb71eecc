"""How a controller reaches hosts: a module for each way, and a row here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from django_deploykit.release.runtime_archive import runtime_archive

if TYPE_CHECKING:
    from django_deploykit.project.inventory import Host
    from django_deploykit.release.transports.base import Transport


class Maker(Protocol):
    """Makes a transport to a host, None for this machine, on which a site's folder is ``root``."""

    def __call__(self, root: Path, host: Host | None, *, as_root: bool) -> Transport:
        """Return the transport, not connected yet; imports what only this way needs."""


def _local(root: Path, host: Host | None, *, as_root: bool) -> Transport:  # noqa: ARG001 - as others
    from django_deploykit.release.transports.local import Local

    return Local(root, runtime_archive())


def _ssh(root: Path, host: Host | None, *, as_root: bool) -> Transport:
    from django_deploykit.release.transports.ssh import Ssh

    assert host is not None
    return Ssh(host, root, runtime_archive(), as_root=as_root)


TRANSPORTS: dict[str, Maker] = {"local": _local, "ssh": _ssh}


def transport_to(root: Path, host: Host | None = None, *, as_root: bool = False) -> Transport:
    """Return the transport to a server, or to this machine."""
    return TRANSPORTS["ssh" if host else "local"](root, host, as_root=as_root)
