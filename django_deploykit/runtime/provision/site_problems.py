"""Reasons why a site's values cannot become part of files that root reads (pure)."""

from __future__ import annotations

import ipaddress
import re
from typing import Iterator

from ..base.limits import read_limits
from ..base.names import PROCESS_NAME, is_number, valid_app
from ..base.site import Site
from ..base.site_options import APPARMOR_MODES

_PATH = re.compile(r"(?:/[A-Za-z0-9][A-Za-z0-9._-]*)+\Z")
# Folders in which the deploy user must not own anything, or which the sandbox hides.
_HIDDEN = ("/home", "/root", "/tmp", "/run", "/dev", "/proc", "/sys", "/etc", "/usr", "/boot")


def iter_site_problems(site: Site) -> Iterator[str]:
    """Yield problems with a site's values, which become part of files that root reads."""
    if not valid_app(site.app):
        yield f"{site.app!r} is not a project name"
        return
    problem = folder_problem(str(site.root))
    if problem:
        yield f"{site.root} {problem}; the usual one is /srv/{site.app}"
    problem = listen_problem(site.listen)
    if problem:
        yield problem
    for name in ("boot", "drain"):
        if not 1 <= getattr(site, name) <= 86400:
            yield f"{name} must be from 1 second to a day, not {getattr(site, name):g}"
    try:
        read_limits(" ".join(site.limits))
    except ValueError as error:
        yield f"limits {error}"
    if site.apparmor not in APPARMOR_MODES:
        yield f"apparmor must be one of {', '.join(APPARMOR_MODES)}, not {site.apparmor!r}"
    for role in site.roles:
        if not PROCESS_NAME.match(role):
            yield f"{role!r} is not the name of a process"


def folder_problem(root: str) -> str:
    """Return why a folder cannot be a site's, or an empty string."""
    good = _PATH.match(root) and not root.startswith(_HIDDEN) and root.count("/") >= 2
    return "" if good else "cannot be the site's folder"


def listen_problem(listen: str) -> str:
    """Return why systemd cannot listen on this address, or an empty string."""
    if listen.startswith("/"):
        good = _PATH.match(listen) and listen.startswith("/run/") and len(listen) < 100
        return "" if good else f"listen must be a path below /run, not {listen!r}"
    host, _, port = listen.rpartition(":")
    try:
        ipaddress.ip_address(host[1:-1] if host.startswith("[") else host)
        good = is_number(port) and 0 < int(port) < 65536
    except ValueError:
        good = False
    return "" if good else f"listen must be a path or IP:PORT as 127.0.0.1:8000, not {listen!r}"
