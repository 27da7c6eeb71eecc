"""Base images of the lab's hosts: a minimal Debian, made once by mmdebstrap and kept."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SUITES = ("bookworm", "trixie")  # Debian 12 (Python 3.11) and 13 (Python 3.13)
PACKAGES = (
    "systemd",
    "systemd-sysv",
    "dbus",
    "openssh-server",
    "python3",
    "python3-venv",
    "sudo",
    "iproute2",
    "curl",
    "ca-certificates",
    "nginx",
    "caddy",
    "acl",
    "apache2",
    "libapache2-mod-wsgi-py3",
    "openssl",
)
# What is left of them on a host without Python.
WITHOUT_PYTHON = ("systemd", "systemd-sysv", "dbus", "openssh-server", "sudo", "iproute2", "curl")
# What docs/how-to/first-server.md installs, so that hosts need no package index.
_MORE = {
    "trixie": (
        "certbot",
        "postgresql",
        "python3-certbot-nginx",
        "ufw",
        "unattended-upgrades",
    )
}
_TOOLS = ("mmdebstrap", "systemd-nspawn", "ssh", "ssh-keygen", "unshare")
_RECIPE = "1"  # count up when the way an image is made changes


def why_not() -> str:
    """Return why no host can be booted here, or ""."""
    if not sys.platform.startswith("linux"):
        return "lab hosts need Linux"
    if os.geteuid() != 0:
        return "lab hosts need root"
    lacking = [name for name in _TOOLS if shutil.which(name) is None]
    if lacking:
        return (
            f"lab hosts need {', '.join(lacking)}: "
            "apt-get install systemd-container mmdebstrap openssh-client"
        )
    return ""


def cache() -> Path:
    """Return the folder that images and hosts live in, made if need be."""
    named = os.environ.get("DEPLOYKIT_LAB_CACHE")
    folder = Path(named) if named else Path.home() / ".cache" / "django-deploykit" / "lab"
    folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file; the kernel frees it when this process dies."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def image(suite: str, extra: tuple[str, ...] = (), *, python: bool = True) -> Path:
    """Return the root folder of a suite's image with ``extra`` packages, made where there is none.

    Without ``python``, it has few packages, and none of Python.
    """
    if suite not in SUITES:
        raise ValueError(f"no suite {suite!r}; there are {', '.join(SUITES)}")
    usual = (*PACKAGES, *_MORE.get(suite, ())) if python else WITHOUT_PYTHON
    packages = (*usual, *sorted(extra))
    key = hashlib.sha256(" ".join((_RECIPE, suite, *packages)).encode()).hexdigest()[:12]
    target = cache() / f"{suite}-{key}"
    with locked(cache() / f"{suite}.lock"):
        if not target.exists():
            _make(suite, packages, target)
    return target


def _make(suite: str, packages: tuple[str, ...], target: Path) -> None:
    unfinished = target.with_suffix(".part")
    if unfinished.exists():
        shutil.rmtree(unfinished)
    include = f"--include={','.join(packages)}"
    command = ["mmdebstrap", "--quiet", "--variant=minbase", include, suite, str(unfinished)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise RuntimeError(f"mmdebstrap {suite} failed:\n{done.stderr[-2000:]}")
    unfinished.rename(target)
