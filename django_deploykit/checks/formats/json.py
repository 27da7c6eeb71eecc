"""The report for programs."""

from __future__ import annotations

import json

from django_deploykit.checks.runner import CheckReport

SCHEMA_VERSION = 1


def render(report: CheckReport) -> str:
    """Return a JSON object. The ``path`` and ``line`` of a finding are null if unknown."""
    data = {
        "schema_version": SCHEMA_VERSION,
        "failed": report.failed,
        "incomplete": report.incomplete,
        "fail_level": report.fail_level,
        "checks_run": len(report.checks),
        "findings": [
            {
                "id": one.id,
                "level": one.level,
                "message": one.message,
                "hint": one.hint,
                "path": one.path or None,
                "line": one.line or None,
                "fingerprint": one.fingerprint,
            }
            for one in report.findings
        ],
        "passed": sorted({one.id for one in report.checks} - {one.id for one in report.findings}),
        "not_checked": [{"id": one.id, "reason": one.reason} for one in report.not_checked],
        "skipped": [str(one) for one in report.skipped],
        **report.facts,
    }
    return json.dumps(data, indent=2) + "\n"
