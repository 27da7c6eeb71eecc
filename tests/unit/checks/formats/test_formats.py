"""The table of formats: a row in it is all that the command line needs."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from django_deploykit.checks.formats import FORMATS, ReportFormat
from django_deploykit.checks.runner import CheckReport


def count(report: CheckReport) -> str:
    """Render a report as the number of its checks."""
    return f"{len(report.checks)} checks\n"


def test_a_row_adds_a_format(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "manage.py").write_text("")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CommandError, match="invalid choice"):
        call_command("deploy_check", "--format", "count")
    monkeypatch.setitem(FORMATS, "count", ReportFormat(count))
    out = io.StringIO()
    call_command(
        "deploy_check", "--format", "count", "--only", "W310", "--tag", "accounts", stdout=out
    )
    assert out.getvalue() == "1 checks\n"
