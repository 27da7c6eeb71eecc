"""SARIF 2.1.0, which code scanning services read."""

from __future__ import annotations

import json
from urllib.parse import quote

from django_deploykit.checks.catalogue import Check
from django_deploykit.checks.finding import Finding
from django_deploykit.checks.runner import CheckReport

_URL = "https://docs.djangoproject.com/en/stable/ref/checks/"
_LEVELS = {"ERROR": "error", "WARNING": "warning", "INFO": "note"}


def render(report: CheckReport) -> str:
    """Return a run with a rule for each of our checks, and for Django's checks with findings."""
    known = {one.id: one for one in report.checks}
    ids = sorted({one.id for one in report.findings} | set(known))
    rules = [_rule(key, known.get(key)) for key in ids]
    results = [{**_result(one), "ruleIndex": ids.index(one.id)} for one in report.findings]
    driver = {"name": "deploy_check", "informationUri": _URL, "rules": rules}
    data = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }
    return json.dumps(data, indent=2) + "\n"


def _rule(key: str, check: Check | None) -> dict[str, object]:
    if check is None:  # one of Django's checks
        return {"id": key, "helpUri": _URL}
    return {
        "id": key,
        "shortDescription": {"text": check.title},
        "fullDescription": {"text": check.text or check.title},
    }


def _result(finding: Finding) -> dict[str, object]:
    place: dict[str, object] = {"artifactLocation": {"uri": quote(finding.path or "manage.py")}}
    if finding.line:
        place["region"] = {"startLine": finding.line}
    return {
        "ruleId": finding.id,
        "level": _LEVELS[finding.level],
        "message": {"text": f"{finding.message}\n{finding.hint}".strip()},
        "locations": [{"physicalLocation": place}],
        "partialFingerprints": {"deploykit/v1": finding.fingerprint},
    }
