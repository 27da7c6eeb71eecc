"""GitLab's Code Quality report."""

from __future__ import annotations

import json

from django_deploykit.checks.runner import CheckReport

_SEVERITIES = {"ERROR": "critical", "WARNING": "minor", "INFO": "info"}


def render(report: CheckReport) -> str:
    """Return a JSON list; GitLab requires a place, so a finding without one is at manage.py:1."""
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
