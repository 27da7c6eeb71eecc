"""The report of a release's ``deploy_check``, and how its migrations differ from the live ones.

The report comes from the project's own django-deploykit, which may be another version.
"""

from __future__ import annotations

from dataclasses import field
from pathlib import Path
from typing import List, Mapping, Optional, Tuple

from ..base.files import read_bytes
from ..base.lazy_dataclass import lazy_dataclass
from .calls import LONG, Call
from .reader import IgnoresUnknownKeys, WireError, parse


@lazy_dataclass(frozen=True)
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
        """Whether the finding stops a release."""
        return self.level.lower() in ("error", "critical")

    def __str__(self) -> str:
        place = f"{self.path}:{self.line or 1}: " if self.path else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{self.id}: {place}{self.message}{hint}"


@lazy_dataclass(frozen=True)
class ReportedOperation(IgnoresUnknownKeys):
    """An operation of a migration; ``why`` says how it breaks running code."""

    describe: str
    breaks: bool = False
    why: str = ""


@lazy_dataclass(frozen=True)
class ReportedMigration(IgnoresUnknownKeys):
    """A pending migration."""

    app: str
    name: str
    operations: Tuple[ReportedOperation, ...] = ()


@lazy_dataclass(frozen=True)
class ReportedDatabase(IgnoresUnknownKeys):
    """A database, by alias; ``place`` is equal for hosts that share a database.

    ``unknown`` are applied migrations that the release does not have. ``back`` maps each of their
    apps to the last migration that the release has.
    """

    database: str
    place: str = ""
    pending: Tuple[ReportedMigration, ...] = ()
    unknown: Tuple[str, ...] = ()
    back: Mapping[str, str] = field(default_factory=dict)


@lazy_dataclass(frozen=True)
class DeployCheckReport(IgnoresUnknownKeys):
    """The part of ``deploy_check --server --migrations --format json`` that a release needs."""

    findings: Tuple[ReportedFinding, ...] = ()
    allowed_hosts: Tuple[str, ...] = ()
    migrations: Tuple[ReportedDatabase, ...] = ()


@lazy_dataclass(frozen=True)
class CheckResult:
    """The report and exit code of ``deploy_check``: 0, or 1 if a finding stops a release."""

    code: int
    report: DeployCheckReport

    def warnings_about(self, folder: Path) -> List[ReportedFinding]:
        """Return the warnings about files in a folder."""
        warnings = [one for one in self.report.findings if one.level.lower() == "warning"]
        return [one for one in warnings if folder in Path(one.path or "").parents]

    def refusals(self) -> List[str]:
        """Return why deploy_check refuses the release, as lines; empty if it does not."""
        if not self.code:
            return []
        return [str(one) for one in self.report.findings if one.blocks] or ["deploy_check failed"]


@lazy_dataclass(frozen=True)
class Checked(IgnoresUnknownKeys):
    """The results of a check that ``checked/RELEASE.json`` keeps for later steps.

    ``host`` is a Host header that ALLOWED_HOSTS accepts. ``migrations`` says whether each pending
    migration (``app.name``) breaks older code.
    """

    host: str = "localhost"
    code: int = 0
    migrations: Mapping[str, bool] = field(default_factory=dict)


def read_checked(path: Path) -> Checked:
    """Return the results of a check, or defaults if the file is missing or not valid."""
    try:
        text = read_bytes(path, top=path.parent.parent).decode("utf-8")
        return parse(Checked, text, path.name)
    except (OSError, ValueError, WireError):
        return Checked()


@lazy_dataclass(frozen=True)
class KinResult:
    """Whether a release has exactly the same migrations as the live one.

    ``breaks`` says whether applied migrations break older code, as far as this is known.
    """

    same: bool
    live: str
    breaks: Mapping[str, bool] = field(default_factory=dict)


CHECK = Call("check", CheckResult, LONG)
KIN = Call("kin", KinResult)
