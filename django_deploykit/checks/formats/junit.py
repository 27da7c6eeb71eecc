"""JUnit's XML, the format of test reports, with a test case for each check."""

from __future__ import annotations

import re
from xml.sax.saxutils import escape, quoteattr

from django_deploykit.checks.attempts import COULD_NOT_RUN
from django_deploykit.checks.finding import Finding
from django_deploykit.checks.runner import CheckReport

_ILLEGAL = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(report: CheckReport) -> str:
    """Return a test suite. A case fails if one of its findings reaches the report's level.

    Cases of skipped checks and of checks that gave no result are skipped, with the reason.
    """
    by_id: dict[str, list[Finding]] = {}
    for one in report.findings:
        by_id.setdefault(one.id, []).append(one)
    reasons = {one.id: one.reason for one in report.skipped}
    reasons.update((one.id, one.reason) for one in report.not_checked)
    ids = sorted({one.id for one in report.checks} | set(by_id) | set(reasons))
    failing = {key for key, rows in by_id.items() if rows[0].reaches(report.fail_level)}
    cases = []
    for key in ids:
        body = _body(by_id.get(key, []), reasons.get(key), fails=key in failing)
        cases.append(
            f'  <testcase classname="deploy_check" name={quoteattr(_legal(key))}>{body}</testcase>'
        )
    broken = failing & {COULD_NOT_RUN}
    head = (
        f'<testsuite name="deploy_check" tests="{len(ids)}" failures="{len(failing - broken)}" '
        f'errors="{len(broken)}" skipped="{len(set(reasons) - set(by_id))}">'
    )
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', head, *cases, "</testsuite>"]
    return "\n".join(lines) + "\n"


def _body(rows: list[Finding], reason: str | None, *, fails: bool) -> str:
    """Return the content of a case, at most one element because strict readers reject more."""
    if not rows:
        return f"<skipped message={quoteattr(_legal(reason))}/>" if reason is not None else ""
    lines = [f"{one.where}: {one.message}" if one.where else one.message for one in rows]
    content = escape(_legal("\n".join(lines)))
    if not fails:
        return f"<system-out>{content}</system-out>"
    kind = "error" if rows[0].id == COULD_NOT_RUN else "failure"
    return f"<{kind} message={quoteattr(_legal(rows[0].message))}>{content}</{kind}>"


def _legal(text: str) -> str:
    """Return a text without the characters that XML does not allow."""
    return _ILLEGAL.sub("?", text)
