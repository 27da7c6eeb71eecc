"""SARIF 2.1.0."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from django_deploykit import __version__
from django_deploykit.checks.finding import Skipped
from django_deploykit.checks.formats.sarif import render
from django_deploykit.checks.runner import CheckReport
from tests.unit.checks.reports import ERROR, REPORT, SKIPPED, UNKNOWN


def only_run(report: CheckReport) -> Any:
    """Return the run of a log."""
    data = json.loads(render(report))
    assert data["version"] == "2.1.0"
    (run,) = data["runs"]
    return run


def test_has_a_rule_for_each_check_and_for_what_django_found() -> None:
    django = replace(ERROR, id="security.W004")
    rules = only_run(replace(REPORT, findings=(django,)))["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [
        "deploykit.E101",
        "deploykit.W201",
        "deploykit.W310",
        "security.W004",
    ]
    assert rules[0]["shortDescription"]["text"] == "DEBUG is on, or is not a boolean"
    assert "helpUri" in rules[3]


def test_results_refer_to_their_rule_and_place() -> None:
    run = only_run(REPORT)
    assert run["results"][0] == {
        "ruleId": "deploykit.E101",
        "ruleIndex": 0,
        "level": "error",
        "message": {"text": "DEBUG is on\nTurn it off."},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": "shop/settings.py"},
                    "region": {"startLine": 14},
                }
            }
        ],
        "partialFingerprints": {"deploykit/v1": ERROR.fingerprint},
    }
    place = run["results"][1]["locations"][0]["physicalLocation"]
    assert place == {"artifactLocation": {"uri": "manage.py"}}  # SARIF requires one


def test_paths_are_urls() -> None:
    place = only_run(SKIPPED)["results"][2]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "a%20b.py"


def test_names_the_version_of_the_tool() -> None:
    assert only_run(REPORT)["tool"]["driver"]["version"] == __version__


def test_skipped_findings_are_suppressed_results() -> None:
    run = only_run(CheckReport((), (Skipped(ERROR.id, "a demo", ERROR),)))
    (result,) = run["results"]
    assert result["suppressions"] == [{"kind": "external", "justification": "a demo"}]
    assert run["tool"]["driver"]["rules"][0]["id"] == result["ruleId"]


def test_what_was_not_checked_is_a_notification() -> None:
    (invocation,) = only_run(UNKNOWN)["invocations"]
    assert invocation["executionSuccessful"] is False
    first = invocation["toolExecutionNotifications"][0]
    assert first["descriptor"] == {"id": "deploykit.E102"}
    assert "SECRET_KEY has no value here" in first["message"]["text"]
    assert only_run(REPORT)["invocations"][0]["executionSuccessful"] is True


def test_places_are_found_below_a_subfolder_and_outside_the_repository() -> None:
    outside = replace(ERROR, path="/etc/shop/shop.ini")
    up = replace(ERROR, path="../common/settings.py")
    report = replace(REPORT, findings=(*REPORT.findings, outside, up)).below("src/")
    places = [one["locations"][0]["physicalLocation"] for one in only_run(report)["results"]]
    assert [one["artifactLocation"]["uri"] for one in places] == [
        "src/shop/settings.py",
        "src/manage.py",
        "file:///etc/shop/shop.ini",
        "common/settings.py",
    ]
