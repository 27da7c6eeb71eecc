"""The report of a release is written however the release ends."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from django_deploykit.errors import DeployKitError
from django_deploykit.management.console import Console
from django_deploykit.management.reporting import Record, reported, validate_path
from django_deploykit.release.outcome import Outcome


@pytest.fixture
def record() -> Record:
    return Record("shop", "production", "ann@laptop")


@pytest.fixture
def console() -> Console:
    return Console(io.StringIO(), io.StringIO())


def test_a_release_that_ends_well(tmp_path: Path, record: Record, console: Console) -> None:
    path = tmp_path / "report.html"
    with reported(path, record, console):
        with console.step("export"):
            pass
        record.outcome = Outcome("20261123T041500-ab12cd3", live={"web1": "new"})
    text = path.read_text()
    assert "<title>release of shop to production</title>" in text
    assert ">live<" in text
    assert "20261123T041500-ab12cd3" in text
    assert "export" in text


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (DeployKitError("web1: no answer", "", 4), "web1: no answer"),
        (KeyboardInterrupt(), "interrupted"),
        (ZeroDivisionError("secret"), "unexpected: ZeroDivisionError"),
    ],
)
def test_a_release_that_fails(
    tmp_path: Path, record: Record, console: Console, error: BaseException, shown: str
) -> None:
    path = tmp_path / "report.html"
    with pytest.raises(type(error)), reported(path, record, console):
        raise error
    assert shown in path.read_text()


def test_nothing_is_written_where_no_report_was_asked_for(record: Record, console: Console) -> None:
    with reported(None, record, console):
        pass
    assert record.ended == 0.0


@pytest.mark.parametrize("name", ["missing/report.html", "."])
def test_a_report_that_cannot_be_written_is_refused_before_the_release(
    tmp_path: Path, record: Record, console: Console, name: str
) -> None:
    began = False
    with (
        pytest.raises(DeployKitError, match="nothing was changed"),
        reported(tmp_path / name, record, console),
    ):
        began = True
    assert not began


def test_a_report_may_replace_another(tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("old")
    validate_path(tmp_path / "report.html")


def test_a_folder_that_vanished_ends_with_a_note(
    tmp_path: Path, record: Record, console: Console
) -> None:
    folder = tmp_path / "reports"
    folder.mkdir()
    with reported(folder / "report.html", record, console):
        folder.rmdir()
    assert isinstance(console.err, io.StringIO)
    assert "the report cannot be written" in console.err.getvalue()
