"""How a release ended, host by host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django_deploykit.release.report.timeline import Span
from django_deploykit.runtime.base.errors import LIVE


@dataclass
class Outcome:
    """How a release ended on every host; ``live`` is what serves there now, None if nothing does."""

    release: str
    code: int = LIVE
    live: dict[str, str | None] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    bytes: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    findings: list[Any] = field(default_factory=list)
    migrated: list[str] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    before: dict[str, str | None] = field(default_factory=dict)
    pending: list[str] = field(default_factory=list)  # the migrations that were due, in words
    warnings: list[str] = field(default_factory=list)  # what hosts told that stopped nothing


def merge(first: Outcome, second: Outcome) -> Outcome:
    """Return two outcomes of one command as one."""
    return replace(
        first,
        code=max(first.code, second.code),
        live={**first.live, **second.live},
        before={**first.before, **second.before},
        errors={**first.errors, **second.errors},
        warnings=[*first.warnings, *second.warnings],
        seconds=_sums(first.seconds, second.seconds),
    )


def _sums(first: Mapping[str, float], second: Mapping[str, float]) -> dict[str, float]:
    return {key: first.get(key, 0) + second.get(key, 0) for key in {**first, **second}}


def finding_line(finding: Mapping[str, Any]) -> str:
    """Return a finding on one line."""
    hint = f" ({finding['hint']})" if finding.get("hint") else ""
    place = f"{finding['path']}:{finding.get('line') or 1}: " if finding.get("path") else ""
    return f"{finding.get('id')}: {place}{finding.get('message')}{hint}"
