"""GitLab's Code Quality report."""

from __future__ import annotations

import json

from django_deploykit.checks.formats.gitlab import render
from tests.unit.checks.reports import ERROR, REPORT, UNKNOWN


def test_every_row_has_a_severity_and_a_place() -> None:
    rows = json.loads(render(REPORT))
    assert rows[0] == {
        "description": "DEBUG is on",
        "check_name": "deploykit.E101",
        "fingerprint": ERROR.fingerprint,
        "severity": "critical",
        "location": {"path": "shop/settings.py", "lines": {"begin": 14}},
    }
    assert rows[1]["severity"] == "minor"
    assert rows[1]["location"] == {"path": "manage.py", "lines": {"begin": 1}}


def test_what_was_not_checked_is_for_information() -> None:
    rows = json.loads(render(UNKNOWN.below("src/")))
    assert (rows[-1]["check_name"], rows[-1]["severity"]) == ("deploykit.E102", "info")
    assert rows[-1]["description"] == "not checked: SECRET_KEY has no value here"
    assert rows[-1]["location"]["path"] == "src/manage.py"
