"""The platform and C library of this machine, compared with what a bundle needs."""

from __future__ import annotations

import os
from typing import List

from .errors import DeployKitError
from .names import is_number


def validate_target(platform: str, glibc: str) -> None:
    """Raise :class:`DeployKitError` if a bundle's compiled code cannot run on this machine."""
    problem = target_problem(platform, glibc, here_platform(), here_glibc())
    if problem:
        raise DeployKitError(problem, "Build the bundle with --platform for this machine.")


def target_problem(platform: str, glibc: str, here: str, here_libc: str) -> str:
    """Return why a bundle's ``platform`` and ``glibc`` do not fit a machine, or an empty string."""
    if platform not in ("any", here):
        return f"the bundle is for {platform}; this machine is {here}"
    if glibc and platform != "any":
        if not here_libc:
            return f"the bundle needs glibc {glibc} or newer; this machine has another C library"
        if _version(here_libc) < _version(glibc):
            return f"the bundle needs glibc {glibc} or newer; this machine has {here_libc}"
    return ""


def here_platform() -> str:
    """Return this machine's platform as in manifests, such as ``linux-x86_64``."""
    system = os.uname()
    machine = {"arm64": "aarch64", "amd64": "x86_64"}.get(system.machine, system.machine)
    return f"{system.sysname.lower()}-{machine}"


def here_glibc() -> str:
    """Return the version of this machine's glibc, or an empty string for another C library."""
    try:
        name = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (ValueError, OSError, AttributeError):
        return ""
    return name.split()[-1] if name.startswith("glibc") else ""


def _version(text: str) -> List[int]:
    return [int(part) for part in text.split(".") if is_number(part)]
