"""What ``deploy_check`` of a release reports, and how its migrations compare to the live one's.

The report comes from the project's own django-deploykit, which may be another version.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Mapping, Optional, Tuple

from .calls import Call
from .reader import IgnoresUnknownKeys, WireError, parse


@dataclass(frozen=True)
class ReportedFinding(IgnoresUnknownKeys):
    """A finding; ``level`` is ``ERROR``, ``WARNING`` or ``INFO``."""

    id: str
    level: str
    message: str
    hint: str = ""
    path: Optional[str] = None
    line: Optional[int] = None

    @property
    def blocks(self) -> bool:
        """Whether it stops a release."""
        return self.level.lower() in ("error", "critical")

    def __str__(self) -> str:
        place = f"{self.path}:{self.line or 1}: " if self.path else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{self.id}: {place}{self.message}{hint}"


@dataclass(frozen=True)
class ReportedOperation(IgnoresUnknownKeys):
    """An operation of a migration; ``why`` says how it breaks code that runs."""

    describe: str
    breaks: bool = False
    why: str = ""


@dataclass(frozen=True)
class ReportedMigration(IgnoresUnknownKeys):
    """A migration that was not applied yet."""

    app: str
    name: str
    operations: Tuple[ReportedOperation, ...] = ()


@dataclass(frozen=True)
class ReportedDatabase(IgnoresUnknownKeys):
    """A database: its alias, and ``place``, which is the same text where two hosts share it.

    ``unknown`` are applied migrations that the release does not have, ``back`` where their apps
    end in it, by app.
    """

    database: str
    place: str = ""
    pending: Tuple[ReportedMigration, ...] = ()
    unknown: Tuple[str, ...] = ()
    back: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class DeployCheckReport(IgnoresUnknownKeys):
    """The part of ``deploy_check --server --migrations --format json`` that a release needs."""

    findings: Tuple[ReportedFinding, ...] = ()
    allowed_hosts: Tuple[str, ...] = ()
    migrations: Tuple[ReportedDatabase, ...] = ()


@dataclass(frozen=True)
class CheckResult:
    """The report, and the exit code of ``deploy_check``: 0, or 1 where a finding stops a release."""

    code: int
    report: DeployCheckReport


@dataclass(frozen=True)
class Checked(IgnoresUnknownKeys):
    """What a check leaves in ``checked/RELEASE.json`` for later steps.

    ``host`` is a Host header that ALLOWED_HOSTS accepts; ``migrations`` says of each pending one,
    ``app.name``, whether it breaks older code.
    """

    host: str = "localhost"
    code: int = 0
    migrations: Mapping[str, bool] = field(default_factory=dict)


def read_checked(path: Path) -> Checked:
    """Return what a check left; the defaults where it left nothing, or nothing that can be read."""
    try:
        return parse(Checked, path.read_text(encoding="utf-8"), path.name)
    except (OSError, ValueError, WireError):
        return Checked()


@dataclass(frozen=True)
class KinResult:
    """Whether a release has the very migrations of the live one.

    ``breaks`` says of migrations that ran whether they break older code, as far as it is known.
    """

    same: bool
    live: str
    breaks: Mapping[str, bool] = field(default_factory=dict)


CHECK = Call("check", CheckResult)
KIN = Call("kin", KinResult)
