"""I833: whether an AppArmor profile restricts the site's processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.checks.server.apparmor import profile_findings
from tests.unit.checks.cases import run_check


@pytest.mark.parametrize(
    ("enabled", "current", "expected"),
    [
        ("", "", ""),  # a kernel without AppArmor
        ("N", "unconfined", ""),
        ("Y", "deploykit-shop (enforce)", ""),
        ("Y", "unconfined", "no profile is in force for the site"),
        ("Y", "deploykit-shop (complain)", "the AppArmor profile deploykit-shop only logs"),
    ],
)
def test_the_profile_of_the_process_is_judged(enabled: str, current: str, expected: str) -> None:
    found = [one.message for one in profile_findings(enabled, current)]
    assert len(found) == bool(expected)
    assert all(expected in message for message in found)


def test_the_check_runs_on_every_kernel(tmp_path: Path) -> None:
    assert len(run_check("I833", tmp_path)) <= 1
