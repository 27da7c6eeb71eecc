"""How a report is written: for people, for machines, for CI services (pure)."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from django_deploykit.checks.catalogue import LEVELS, Check, Finding
from django_deploykit.checks.runner import Report

SCHEMA_VERSION = 1
_URL = "https://docs.djangoproject.com/en/stable/ref/checks/"


def text(report: Report, checks: Iterable[Check]) -> str:
    """Return lines for people: a finding with its place and its hint, then a sum."""
    lines = []
    for one in report.findings:
        where = f"{one.where}: " if one.where else ""
        lines.append(f"{one.level:<7} {one.id}  {where}{one.message}")
        if one.hint:
            lines.append(f"        {one.hint}")
    lines += report.skipped
    lines.append(summary(report))
    return "\n".join(lines) + "\n"


def summary(report: Report) -> str:
    """Return how many findings of which level, in words."""
    if not report.findings:
        return f"no problem found by {report.ran} checks and Django's own"
    counts = []
    for level, word in (("ERROR", "error"), ("WARNING", "warning"), ("INFO", "note")):
        number = sum(one.level == level for one in report.findings)
        if number:
            counts.append(f"{number} {word}{'s' if number > 1 else ''}")
    end = "not fit for production" if report.failed else "nothing that stops a release"
    return f"{', '.join(counts)}: {end}"


def fingerprint(finding: Finding) -> str:
    """Return what stays the same while lines move."""
    data = "\0".join((finding.id, finding.path, finding.message))
    return hashlib.sha256(data.encode()).hexdigest()[:32]


def as_json(report: Report, checks: Iterable[Check], extra: dict[str, Any] | None = None) -> str:
    """Return one object; ``findings`` has id, level, message, hint, path, line, fingerprint."""
    data = {
        "schema_version": SCHEMA_VERSION,
        "failed": report.failed,
        "fail_level": report.fail_level,
        "checks_run": report.ran,
        "findings": [
            {
                "id": one.id,
                "level": one.level,
                "message": one.message,
                "hint": one.hint,
                "path": one.path or None,
                "line": one.line or None,
                "fingerprint": fingerprint(one),
            }
            for one in report.findings
        ],
        "skipped": list(report.skipped),
        **(extra or {}),
    }
    return json.dumps(data, indent=2) + "\n"


def github(report: Report, checks: Iterable[Check]) -> str:
    """Return workflow commands, the worst first: GitHub shows ten a level and step."""
    kinds = {"ERROR": "error", "WARNING": "warning", "INFO": "notice"}
    lines = []
    for one in report.findings:
        place = [f"file={_property(one.path)}"] if one.path else []
        place += [f"line={one.line}"] if one.line else []
        options = ",".join([*place, f"title={_property(one.id)}"])
        message = f"{one.message}\n{one.hint}" if one.hint else one.message
        lines.append(f"::{kinds[one.level]} {options}::{_data(message)}")
    return "".join(line + "\n" for line in [*lines, summary(report)])


def _data(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")


def gitlab(report: Report, checks: Iterable[Check]) -> str:
    """Return a Code Quality report."""
    severity = {"ERROR": "critical", "WARNING": "minor", "INFO": "info"}
    rows = [
        {
            "description": one.message,
            "check_name": one.id,
            "fingerprint": fingerprint(one),
            "severity": severity[one.level],
            "location": {"path": one.path or "manage.py", "lines": {"begin": one.line or 1}},
        }
        for one in report.findings
    ]
    return json.dumps(rows, indent=2) + "\n"


def sarif(report: Report, checks: Iterable[Check]) -> str:
    """Return SARIF 2.1.0."""
    known = {one.id: one for one in checks}
    ids = sorted({one.id for one in report.findings} | set(known))
    rules = [_sarif_rule(key, known.get(key)) for key in ids]
    results = [{**_sarif_result(one), "ruleIndex": ids.index(one.id)} for one in report.findings]
    driver = {"name": "deploy_check", "informationUri": _URL, "rules": rules}
    data = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }
    return json.dumps(data, indent=2) + "\n"


def _sarif_rule(key: str, check: Check | None) -> dict[str, Any]:
    """Return what SARIF calls a rule; Django's own checks are documented elsewhere."""
    if check is None:
        return {"id": key, "helpUri": _URL}
    return {
        "id": key,
        "shortDescription": {"text": check.title},
        "fullDescription": {"text": check.text or check.title},
    }


def _sarif_result(finding: Finding) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": {"uri": quote(finding.path or "manage.py")}}
    if finding.line:
        place["region"] = {"startLine": finding.line}
    return {
        "ruleId": finding.id,
        "level": {"ERROR": "error", "WARNING": "warning", "INFO": "note"}[finding.level],
        "message": {"text": f"{finding.message}\n{finding.hint}".strip()},
        "locations": [{"physicalLocation": place}],
        "partialFingerprints": {"deploykit/v1": fingerprint(finding)},
    }


def junit(report: Report, checks: Iterable[Check]) -> str:
    """Return JUnit's XML: a case for each check that ran."""
    by_id: dict[str, list[Finding]] = {}
    for one in report.findings:
        by_id.setdefault(one.id, []).append(one)
    left = dict(line.partition(" skipped: ")[::2] for line in report.skipped)
    ids = sorted({one.id for one in checks} | set(by_id) | set(left))
    least = LEVELS.index(report.fail_level)
    failing = {key for key, rows in by_id.items() if LEVELS.index(rows[0].level) >= least}
    cases = []
    for key in ids:
        body = _case(by_id.get(key, []), left.get(key), fails=key in failing)
        cases.append(
            f'  <testcase classname="deploy_check" name={quoteattr(key)}>{body}</testcase>'
        )
    passed_over = len(set(left) - set(by_id))
    head = (
        f'<testsuite name="deploy_check" tests="{len(ids)}" failures="{len(failing)}" '
        f'errors="0" skipped="{passed_over}">'
    )
    return (
        "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', head, *cases, "</testsuite>"]) + "\n"
    )


def _case(rows: list[Finding], reason: str | None, *, fails: bool) -> str:
    """Return what stands in a case: at most one element, as the strictest readers want."""
    if not rows:
        return f"<skipped message={quoteattr(_legal(reason))}/>" if reason is not None else ""
    lines = [f"{one.where}: {one.message}" if one.where else one.message for one in rows]
    words = escape(_legal("\n".join(lines)))
    if fails:
        return f"<failure message={quoteattr(_legal(rows[0].message))}>{words}</failure>"
    return f"<system-out>{words}</system-out>"


def _legal(text: str) -> str:
    """Return a text without the characters that XML cannot hold."""
    return re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "?", text)


FORMATS: dict[str, Callable[..., str]] = {
    "text": text,
    "json": as_json,
    "sarif": sarif,
    "junit": junit,
    "github": github,
    "gitlab": gitlab,
}
