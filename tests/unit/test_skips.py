"""Which skips fail a run in CI."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.skips import is_allowed, iter_unexpected, reason, write_down


@dataclass
class Skipped:
    nodeid: str
    longrepr: object


def skipped(text: str) -> Skipped:
    return Skipped("test_x.py::test_x", ("test_x.py", 3, f"Skipped: {text}"))


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("db_default came with Django 5.0", True),
        ("db_default came with Django 5.0, too", False),
        ("there is no python3.9 here", False),
        ("", False),
    ],
)
def test_only_listed_reasons_are_allowed(text: str, allowed: bool) -> None:
    assert is_allowed(text) is allowed


def test_a_machine_may_name_one_more_reason_word_for_word() -> None:
    assert is_allowed("there is no python3.9 here", "there is no python3.9 here")
    assert not is_allowed("there is no python3.9 here", "there is no")


def test_an_unexpected_skip_is_shown_with_its_reason() -> None:
    reports = [skipped("db_default came with Django 5.0"), skipped("needs npm")]
    assert list(iter_unexpected(reports)) == ["test_x.py::test_x: needs npm"]


def test_a_reason_is_read_from_what_pytest_reports() -> None:
    assert reason(skipped("needs npm")) == "needs npm"
    assert reason(Skipped("a", "unexpected text")) == "unexpected text"


def test_runs_share_a_file_of_reasons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "skips"
    monkeypatch.setenv("TOX_ENV_NAME", "lab")
    write_down([skipped("needs npm"), skipped("needs npm"), skipped("needs root")], path)
    monkeypatch.delenv("TOX_ENV_NAME")
    write_down([skipped("needs npm")], path)
    assert path.read_text().splitlines() == [
        "lab: 2 skipped: needs npm",
        "lab: 1 skipped: needs root",
        "pytest: 1 skipped: needs npm",
    ]
