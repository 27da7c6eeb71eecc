"""A finding: its place, its level, its fingerprint."""

from __future__ import annotations

from dataclasses import replace

import pytest

from django_deploykit.checks.finding import Finding

FINDING = Finding("DEBUG is on", path="shop/settings.py", line=14, id="deploykit.E101")


def test_the_place_has_a_line_only_if_it_is_known() -> None:
    assert FINDING.where == "shop/settings.py:14"
    assert replace(FINDING, line=0).where == "shop/settings.py"
    assert Finding("x").where == ""


def test_the_fingerprint_does_not_depend_on_the_line() -> None:
    assert replace(FINDING, line=20).fingerprint == FINDING.fingerprint
    assert replace(FINDING, path="shop/base.py").fingerprint != FINDING.fingerprint


@pytest.mark.parametrize(
    ("level", "least", "expected"),
    [
        ("ERROR", "ERROR", True),
        ("ERROR", "INFO", True),
        ("WARNING", "ERROR", False),
        ("INFO", "WARNING", False),
    ],
)
def test_a_finding_reaches_levels_up_to_its_own(level: str, least: str, expected: bool) -> None:
    assert replace(FINDING, level=level).reaches(least) is expected
