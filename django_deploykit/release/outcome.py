"""How a release or a rollback ended on each host."""

from __future__ import annotations

from dataclasses import dataclass, field

from django_deploykit.release.report.timeline import Span
from django_deploykit.runtime.base.documents import Document
from django_deploykit.runtime.base.errors import LIVE


@dataclass
class Outcome:
    """How a release ended. Mappings are by host, but ``seconds`` is by step.

    ``live`` is the release that serves now, or None for nothing or unknown. ``before`` is the one
    that served at the start. ``back`` is the one that a rollback without an argument goes back to,
    and ``answered`` the Host header that the site answered to. ``bytes`` is the number of bytes
    sent. ``pending`` has lines about the migrations that were due. ``warnings`` are what hosts
    reported without stopping the release.
    """

    release: str
    code: int = LIVE
    live: dict[str, str | None] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    bytes: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    findings: list[Document] = field(default_factory=list)
    migrated: list[str] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    before: dict[str, str | None] = field(default_factory=dict)
    pending: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    back: dict[str, str | None] = field(default_factory=dict)
    answered: dict[str, str] = field(default_factory=dict)


def finding_line(finding: Document) -> str:
    """Return a finding as one line."""
    hint = f" ({finding['hint']})" if finding.get("hint") else ""
    place = f"{finding['path']}:{finding.get('line') or 1}: " if finding.get("path") else ""
    return f"{finding.get('id')}: {place}{finding.get('message')}{hint}"
