"""GitLab's Code Quality report."""

from __future__ import annotations

import json

from django_deploykit.checks.runner import CheckReport

_SEVERITIES = {"ERROR": "critical", "WARNING": "minor", "INFO": "info"}


def render(report: CheckReport) -> str:
    """Return a JSON list. Findings without a place are at manage.py:1, as GitLab needs a place."""
    rows = [
        {
            "description": one.message,
            "check_name": one.id,
            "fingerprint": one.fingerprint,
            "severity": _SEVERITIES[one.level],
            "location": {"path": one.path or "manage.py", "lines": {"begin": one.line or 1}},
        }
        for one in report.findings
    ]
    return json.dumps(rows, indent=2) + "\n"
