"""This machine as a bundle sees it: its platform and its C library."""

from __future__ import annotations

import os
from typing import List, Optional

from .errors import DeployKitError


def judge_target(platform: str, glibc: str) -> None:
    """Refuse a bundle whose compiled code is for another machine or a newer C library."""
    problem = target_problem(platform, glibc, here_platform(), here_glibc())
    if problem:
        raise DeployKitError(problem, "Build the bundle with --platform for this machine.")


def target_problem(platform: str, glibc: str, here: str, here_libc: str) -> Optional[str]:
    """Return why a bundle for ``platform`` and ``glibc`` cannot run here, or None."""
    if platform not in ("any", here):
        return f"the bundle is for {platform}; this machine is {here}"
    if glibc and platform != "any":
        if not here_libc:
            return f"the bundle needs glibc {glibc} or newer; this machine has another C library"
        if _version(here_libc) < _version(glibc):
            return f"the bundle needs glibc {glibc} or newer; this machine has {here_libc}"
    return None


def here_platform() -> str:
    """Return this machine as the manifest names it, ``linux-x86_64``."""
    system = os.uname()
    machine = {"arm64": "aarch64", "amd64": "x86_64"}.get(system.machine, system.machine)
    return f"{system.sysname.lower()}-{machine}"


def here_glibc() -> str:
    """Return the version of this machine's glibc, or "" where there is another C library."""
    try:
        name = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (ValueError, OSError, AttributeError):
        return ""
    return name.split()[-1] if name.startswith("glibc") else ""


def _version(text: str) -> List[int]:
    return [int(part) for part in text.split(".") if part.isdigit()]
