"""Checks of the AppArmor profile of the site's processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from django_deploykit.checks.catalogue import check
from django_deploykit.checks.finding import Finding
from django_deploykit.checks.subject import Subject
from django_deploykit.runtime.base.hints import setup_command

_ENABLED = Path("/sys/module/apparmor/parameters/enabled")
_CURRENT = Path("/proc/self/attr/current")


@check("I833")
def apparmor_not_in_force(subject: Subject) -> Iterator[Finding]:
    """The kernel has AppArmor, but no profile restricts the site's processes.

    A profile limits which files an attacker of the application reaches. In the mode complain, the
    kernel only logs what the profile does not allow.
    """
    if not subject.local:
        yield from profile_findings(_text(_ENABLED), _text(_CURRENT))


def profile_findings(enabled: str, current: str) -> Iterator[Finding]:
    """Yield what is wrong with the profile of this process.

    ``enabled`` and ``current`` are the kernel's texts: whether it has AppArmor, and the profile.
    """
    if enabled != "Y":
        return
    if current == "unconfined":
        yield Finding(
            "AppArmor is on, but no profile is in force for the site",
            f"Run `{setup_command()}` on a host with the package apparmor, then release or restart.",
        )
    elif current.endswith("(complain)"):
        yield Finding(
            f"the AppArmor profile {current.split()[0]} only logs",
            "If `journalctl -k --grep=ALLOWED` shows nothing of the site, set `apparmor = enforce` "
            f"in [environment:NAME], and run `{setup_command()}`.",
        )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip("\0\n ")
    except OSError:
        return ""
