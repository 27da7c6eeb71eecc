"""GitHub's workflow commands."""

from __future__ import annotations

from dataclasses import replace

from django_deploykit.checks.formats.github import render, render_summary
from tests.unit.checks.reports import ERROR, REPORT, UNKNOWN, WARNING


def test_quotes_what_would_end_a_command() -> None:
    assert render(REPORT).splitlines() == [
        "::error file=shop/settings.py,line=14,title=deploykit.E101::DEBUG is on%0ATurn it off.",
        "::warning title=deploykit.W201::any, host: 100%25%0Areally",
        "1 error, 1 warning: not fit for production",
    ]
    odd = replace(REPORT, findings=(replace(ERROR, path="a,b:c.py"),))
    assert "file=a%2Cb%3Ac.py,line=14" in render(odd)


def test_beyond_the_limit_of_github_findings_are_plain_lines() -> None:
    many = tuple(replace(ERROR, message=f"wrong {n}") for n in range(12))
    lines = render(replace(REPORT, findings=(*many, WARNING))).splitlines()
    assert sum(line.startswith("::error") for line in lines) == 10
    assert "ERROR   deploykit.E101  shop/settings.py:14: wrong 11" in lines
    assert lines[-3].startswith("::warning")
    assert lines[-2] == "GitHub shows 10 annotations of a level; 2 more are above"


def test_the_summary_has_every_finding_and_what_was_not_checked() -> None:
    many = tuple(replace(ERROR, message=f"a | b {n}") for n in range(12))
    page = render_summary(replace(UNKNOWN, findings=many))
    assert page.count("| error | deploykit.E101 | shop/settings.py:14 | a \\| b ") == 12
    assert "- not checked: deploykit.E102: SECRET_KEY has no value here" in page
