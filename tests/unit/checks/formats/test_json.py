"""The report for programs."""

from __future__ import annotations

import json
from dataclasses import replace

from django_deploykit.checks.finding import Skipped
from django_deploykit.checks.formats.json import render
from tests.unit.checks.reports import ERROR, REPORT, UNKNOWN


def test_is_one_object() -> None:
    data = json.loads(render(replace(REPORT, skipped=(Skipped("deploykit.W310", "x"),))))
    findings = data.pop("findings")
    assert data == {
        "schema_version": 1,
        "failed": True,
        "incomplete": False,
        "fail_level": "ERROR",
        "checks_run": 3,
        "passed": ["deploykit.W310"],
        "not_checked": [],
        "skipped": ["deploykit.W310 skipped: x"],
    }
    assert findings[0] == {
        "id": "deploykit.E101",
        "level": "ERROR",
        "message": "DEBUG is on",
        "hint": "Turn it off.",
        "path": "shop/settings.py",
        "line": 14,
        "fingerprint": ERROR.fingerprint,
    }
    assert (findings[1]["path"], findings[1]["line"]) == (None, None)


def test_includes_the_facts_that_a_release_asks_for() -> None:
    assert json.loads(render(replace(REPORT, facts={"migrations": []})))["migrations"] == []


def test_a_check_passed_or_failed_or_was_not_checked() -> None:
    data = json.loads(render(UNKNOWN))
    assert (data["incomplete"], data["passed"]) == (True, ["deploykit.E101"])
    assert data["not_checked"][0] == {
        "id": "deploykit.E102",
        "reason": "SECRET_KEY has no value here",
    }
