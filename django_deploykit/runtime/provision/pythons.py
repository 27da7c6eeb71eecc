"""Finds out whether this host has the Python that a bundle needs, or how it can get it."""

from __future__ import annotations

import subprocess
from typing import Callable

from ..base.hints import as_root, is_by_hand

_VERSIONS = tuple(f"3.{minor}" for minor in range(9, 16))


def python_problem(
    version: str, find: Callable[[str], str], is_packaged: Callable[[str], bool]
) -> str:
    """Return why this host cannot run a bundle for a Python ``version``, or an empty string.

    The text says what to do. Only what this host's system has is recommended.
    """
    if find(version):
        return ""
    text = f"the bundle needs Python {version}, and this host has no python{version}"
    package = f"python{version}"
    if is_packaged(package):
        return f"{text}; install it: {as_root(f'apt-get install {package}')}"
    here = ", ".join(one for one in _VERSIONS if find(one))
    bundle = "ask for a bundle that was built" if is_by_hand() else "build the bundle"
    other = f"; {bundle} with `manage.py bundle --python X.Y` for {here}" if here else ""
    return f"{text} and no package of that name{other}"


def is_packaged(package: str) -> bool:
    """Whether apt can install a package on this host."""
    try:
        done = subprocess.run(
            ["apt-cache", "policy", package],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
        )
    except OSError:
        return False
    candidates = [line.split()[-1] for line in done.stdout.splitlines() if "Candidate:" in line]
    return bool(candidates) and candidates[0] != "(none)"
