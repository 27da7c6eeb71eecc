"""SARIF 2.1.0."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from django_deploykit.checks.formats.sarif import render
from django_deploykit.checks.runner import CheckReport
from tests.unit.checks.reports import ERROR, REPORT, SKIPPED


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
