"""The report for people."""

from __future__ import annotations

from dataclasses import replace

from django_deploykit.checks.formats.text import render, summary
from django_deploykit.checks.runner import CheckReport
from tests.unit.checks.reports import EMPTY, REPORT, SKIPPED, UNKNOWN, WARNING


def test_shows_place_hint_and_summary() -> None:
    assert render(REPORT) == (
        "ERROR   deploykit.E101  shop/settings.py:14: DEBUG is on\n"
        "        Turn it off.\n"
        "WARNING deploykit.W201  any, host: 100%\nreally\n"
        "1 error, 1 warning: not fit for production\n"
    )


def test_shows_what_was_skipped() -> None:
    assert "\ndeploykit.W310 skipped: long & wide\n2 errors, 1 warning" in render(SKIPPED)


def test_the_summary_says_what_the_findings_mean() -> None:
    assert summary(EMPTY) == "no problems found by 3 checks and Django's own"
    info = replace(WARNING, level="INFO")
    assert summary(CheckReport((info,))) == "1 note: nothing that stops a release"


def test_says_what_was_not_checked_unless_it_always_needs_the_host() -> None:
    lines = render(UNKNOWN).splitlines()
    assert lines[-2:] == [
        "not checked: deploykit.E102: SECRET_KEY has no value here",
        "1 error: not fit for production",
    ]
