"""GitLab's Code Quality report."""

from __future__ import annotations

import json

from django_deploykit.checks.finding import Finding
from django_deploykit.checks.runner import CheckReport

_SEVERITIES = {"ERROR": "critical", "WARNING": "minor", "INFO": "info"}


def render(report: CheckReport) -> str:
    """Return a JSON list. Findings without a place are at manage.py:1, as GitLab needs a place.

    What was not checked is for information.
    """
    manage = f"{report.folder}manage.py"
    rows = [
        {
            "description": one.message,
            "check_name": one.id,
            "fingerprint": one.fingerprint,
            "severity": _SEVERITIES[one.level],
            "location": {"path": one.path or manage, "lines": {"begin": one.line or 1}},
        }
        for one in report.findings
    ]
    rows += [
        {
            "description": f"not checked: {one.reason}",
            "check_name": one.id,
            "fingerprint": Finding("not checked", id=one.id).fingerprint,
            "severity": "info",
            "location": {"path": manage, "lines": {"begin": 1}},
        }
        for one in report.worth_saying
    ]
    return json.dumps(rows, indent=2) + "\n"
