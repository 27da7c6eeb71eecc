"""SARIF 2.1.0, which code scanning services read."""

from __future__ import annotations

import json
import os
from urllib.parse import quote

from django_deploykit import __version__
from django_deploykit.checks.catalogue import Check, catalogue
from django_deploykit.checks.finding import Finding, NotChecked
from django_deploykit.checks.runner import CheckReport

_URL = "https://docs.djangoproject.com/en/stable/ref/checks/"
_LEVELS = {"ERROR": "error", "WARNING": "warning", "INFO": "note"}


def render(report: CheckReport) -> str:
    """Return a run with a rule for each of our checks, and for Django's checks with findings.

    Skipped findings are suppressed results. What was not checked is a notification of the run, as
    a service would show a result of any kind as a problem.
    """
    suppressed = [(one.finding, one.reason) for one in report.skipped if one.finding]
    rows: list[tuple[Finding, str]] = [(one, "") for one in report.findings] + suppressed
    ids = sorted({one.id for one, _ in rows} | {one.id for one in report.checks})
    known = catalogue()
    results = [_result(one, report.folder, ids.index(one.id), why) for one, why in rows]
    driver = {
        "name": "deploy_check",
        "version": __version__,
        "informationUri": _URL,
        "rules": [_rule(key, known.get(key)) for key in ids],
    }
    run = {
        "tool": {"driver": driver},
        "invocations": [
            {
                "executionSuccessful": not report.incomplete,
                "toolExecutionNotifications": [_notification(one) for one in report.not_checked],
            }
        ],
        "results": results,
    }
    data = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
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


def _notification(one: NotChecked) -> dict[str, object]:
    return {
        "descriptor": {"id": one.id},
        "level": "note",
        "message": {"text": f"{one.id} was not checked: {one.reason}"},
    }


def _result(finding: Finding, folder: str, rule: int, skipped: str) -> dict[str, object]:
    place: dict[str, object] = {"artifactLocation": {"uri": _uri(finding.path, folder)}}
    if finding.line:
        place["region"] = {"startLine": finding.line}
    result: dict[str, object] = {
        "ruleId": finding.id,
        "ruleIndex": rule,
        "level": _LEVELS[finding.level],
        "message": {"text": f"{finding.message}\n{finding.hint}".strip()},
        "locations": [{"physicalLocation": place}],
        "partialFingerprints": {"deploykit/v1": finding.fingerprint},
    }
    if skipped:
        result["suppressions"] = [{"kind": "external", "justification": skipped}]
    return result


def _uri(path: str, folder: str) -> str:
    """Return the URI of a path. A result must have a place, so the default is manage.py."""
    quoted = quote(path or f"{folder}manage.py")
    return f"file://{quoted}" if os.path.isabs(path) else quoted
