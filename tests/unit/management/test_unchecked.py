"""The report of ``deploy_check`` on a project that does not start."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.conf import ConfigError
from django_deploykit.conf.start_failure import StartFailure
from django_deploykit.management.unchecked import findings, report_unchecked, unchecked

FAILURE = StartFailure("the settings do not load", "shop/settings.py", 2, "x", "Correct it.")


def test_each_problem_of_the_configuration_is_a_finding() -> None:
    error = ConfigError("shop", ["/etc/shop/shop.ini:3: X: is empty", "Y is not set"])
    report = unchecked(findings(error, FAILURE, Path("/project")), FAILURE.what)
    assert [(one.message, one.line) for one in report.findings] == [
        ("X: is empty", 3),
        ("Y is not set", 0),
    ]
    assert report.incomplete
    assert report.failed


def test_paths_are_relative_to_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "manage.py").touch()
    (tmp_path / "shop").mkdir()
    monkeypatch.chdir(tmp_path / "shop")
    failure = FAILURE._replace(path="settings.py")
    argv = ["python -m django_deploykit", "deploy_check", "--format", "github"]
    report_unchecked(argv, ValueError(), failure)
    assert capsys.readouterr().out.startswith("::error file=shop/settings.py,line=2,")


def test_people_get_no_second_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "report.json"
    argv = ["manage.py", "deploy_check", "--output", f"json={out}"]
    report_unchecked(argv, ValueError(), FAILURE)
    assert capsys.readouterr().out == ""
    assert "the settings do not load: x" in out.read_text(encoding="utf-8")
    report_unchecked(["manage.py", "deploy_check", "--no-such"], ValueError(), FAILURE)
    assert capsys.readouterr().out == ""
