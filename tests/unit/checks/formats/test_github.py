"""GitHub's workflow commands."""

from __future__ import annotations

from dataclasses import replace

from django_deploykit.checks.formats.github import render
from tests.unit.checks.reports import ERROR, REPORT


def test_quotes_what_would_end_a_command() -> None:
    assert render(REPORT).splitlines() == [
        "::error file=shop/settings.py,line=14,title=deploykit.E101::DEBUG is on%0ATurn it off.",
        "::warning title=deploykit.W201::any, host: 100%25%0Areally",
        "1 error, 1 warning: not fit for production",
    ]
    odd = replace(REPORT, findings=(replace(ERROR, path="a,b:c.py"),))
    assert "file=a%2Cb%3Ac.py,line=14" in render(odd)
