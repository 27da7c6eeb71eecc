"""JUnit's XML, the format of test reports, with a test case for each check."""

from __future__ import annotations

import re
from xml.sax.saxutils import escape, quoteattr

from django_deploykit.checks.finding import Finding
from django_deploykit.checks.runner import CheckReport

_ILLEGAL = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(report: CheckReport) -> str:
    """Return a test suite. A case fails if one of its findings reaches the report's level."""
    by_id: dict[str, list[Finding]] = {}
    for one in report.findings:
        by_id.setdefault(one.id, []).append(one)
    skipped = dict(line.partition(" skipped: ")[::2] for line in report.skipped)
    ids = sorted({one.id for one in report.checks} | set(by_id) | set(skipped))
    failing = {key for key, rows in by_id.items() if rows[0].reaches(report.fail_level)}
    cases = []
    for key in ids:
        body = _body(by_id.get(key, []), skipped.get(key), fails=key in failing)
        cases.append(
            f'  <testcase classname="deploy_check" name={quoteattr(key)}>{body}</testcase>'
        )
    head = (
        f'<testsuite name="deploy_check" tests="{len(ids)}" failures="{len(failing)}" '
        f'errors="0" skipped="{len(set(skipped) - set(by_id))}">'
    )
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', head, *cases, "</testsuite>"]
    return "\n".join(lines) + "\n"


def _body(rows: list[Finding], reason: str | None, *, fails: bool) -> str:
    """Return the content of a case, at most one element because strict readers reject more."""
    if not rows:
        return f"<skipped message={quoteattr(_legal(reason))}/>" if reason is not None else ""
    lines = [f"{one.where}: {one.message}" if one.where else one.message for one in rows]
    content = escape(_legal("\n".join(lines)))
    if fails:
        return f"<failure message={quoteattr(_legal(rows[0].message))}>{content}</failure>"
    return f"<system-out>{content}</system-out>"


def _legal(text: str) -> str:
    """Return a text without the characters that XML does not allow."""
    return _ILLEGAL.sub("?", text)
