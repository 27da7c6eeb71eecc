"""The report of a release's own deploy_check."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.runtime.wire.reader import WireError, read
from django_deploykit.runtime.wire.reports import (
    Checked,
    CheckResult,
    DeployCheckReport,
    ReportedFinding,
    ReportedMigration,
    read_checked,
)


@pytest.mark.parametrize(
    ("finding", "text"),
    [
        (ReportedFinding("E1", "ERROR", "bad"), "E1: bad"),
        (ReportedFinding("E1", "ERROR", "bad", "Fix it."), "E1: bad (Fix it.)"),
        (ReportedFinding("E1", "ERROR", "bad", "", "a.py"), "E1: a.py:1: bad"),
        (ReportedFinding("E1", "ERROR", "bad", "", "a.py", 7), "E1: a.py:7: bad"),
    ],
)
def test_a_finding_is_one_line(finding: ReportedFinding, text: str) -> None:
    assert str(finding) == text


@pytest.mark.parametrize(
    ("level", "blocks"), [("ERROR", True), ("critical", True), ("WARNING", False), ("INFO", False)]
)
def test_errors_stop_a_release(level: str, blocks: bool) -> None:
    assert ReportedFinding("X1", level, "").blocks is blocks


def test_warnings_about_a_folder_are_those_in_its_files() -> None:
    inside = ReportedFinding("W1", "WARNING", "", "", "/etc/shop/shop.ini", 3)
    others = (
        ReportedFinding("E1", "ERROR", "", "", "/etc/shop/shop.ini"),
        ReportedFinding("I1", "INFO", "", "", "/etc/shop/shop.ini"),
        ReportedFinding("W1", "WARNING", "", "", "shop/settings.py"),
        ReportedFinding("W1", "WARNING", ""),
        ReportedFinding("W1", "WARNING", "", "", "/etc/shop.ini"),
    )
    result = CheckResult(0, DeployCheckReport((inside, *others)))
    assert result.warnings_about(Path("/etc/shop")) == [inside]


def test_only_a_check_that_fails_refuses_a_release() -> None:
    error, warning = ReportedFinding("E1", "ERROR", "bad"), ReportedFinding("W1", "WARNING", "hm")
    report = DeployCheckReport(findings=(error, warning))
    assert CheckResult(0, report).refusals() == []
    assert CheckResult(1, report).refusals() == ["E1: bad"]
    assert CheckResult(1, DeployCheckReport()).refusals() == ["deploy_check failed"]


def test_a_report_of_another_version_may_say_more() -> None:
    row = {"app": "shop", "name": "0002_x", "operations": [], "squashed": True}
    database = {"database": "default", "pending": [row], "size": 5}
    report = read(DeployCheckReport, {"migrations": [database], "schema_version": 9}, "report")
    assert report.migrations[0].pending == (ReportedMigration("shop", "0002_x"),)


def test_a_report_that_does_not_fit_is_refused() -> None:
    with pytest.raises(WireError, match=r"report\.findings\[0\]\.id is missing"):
        read(DeployCheckReport, {"findings": [{"level": "ERROR", "message": ""}]}, "report")


def test_a_check_leaves_what_later_steps_need(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"host": "a.example", "code": 1, "migrations": {"shop.0002": true}}')
    assert read_checked(path) == Checked("a.example", 1, {"shop.0002": True})


@pytest.mark.parametrize("text", [None, "", "[]", '{"host": 5}', '{"migrations": {"a": "b"}}'])
def test_what_cannot_be_read_counts_as_no_check(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "x.json"
    if text is not None:
        path.write_text(text)
    assert read_checked(path) == Checked()
