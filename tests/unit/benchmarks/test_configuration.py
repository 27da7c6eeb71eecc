"""The comparison of settings helpers: all read the same, and the table says who is faster."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks import configuration
from benchmarks.configuration import environment, import_row, ours, settings, table
from benchmarks.page import with_row


def test_sixty_settings_are_half_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = settings()
    assert (len(rows), len(environment(rows))) == (60, 30)
    for name, text in environment(rows).items():
        monkeypatch.setenv(name, text)
    found = ours(rows)
    assert isinstance(found, list)
    assert found[0] == "text"
    assert found[1] == "x"


@pytest.mark.parametrize("name", ["python-decouple", "django-environ"])
def test_the_others_read_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [one for one in settings() if one.kind != "list"]
    for variable, text in environment(rows).items():
        monkeypatch.setenv(variable, text)
    assert configuration.OTHERS[name][1](rows) == ours(rows)


def test_the_table_compares_with_the_fastest() -> None:
    text = table({"ours": 80.0, "a": 100.0, "b": 200.0}, 7.0)
    assert "| a | 100 µs | 0.80 of it |" in text
    assert "At most 0.9 of the fastest: 0.80, yes." in text
    assert "at most 10 ms: 7.0 ms, yes." in text
    assert "0.95, **no**" in table({"ours": 95.0, "a": 100.0}, 11.0)
    assert "11.0 ms, **no**" in table({"ours": 95.0, "a": 100.0}, 11.0)


def test_measuring_leaves_medians_of_all_that_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", os.environ.copy())
    monkeypatch.setattr(configuration, "readers", lambda: {"ours": ours})
    assert set(configuration.measure(2)) == {"ours"}


def test_the_row_of_the_import_takes_the_place_of_the_one_on_the_page() -> None:
    page = f"before\n{import_row([9.4, 9.5, 9.3])}\nafter\n"
    row = import_row([4.0, 9.0, 4.2])
    assert row.endswith("| 4.2 ms |  |  | at most 10 ms | yes |")
    assert with_row(page, row, Path("page.md")) == f"before\n{row}\nafter\n"
    with pytest.raises(SystemExit, match=r"page\.md has 0 rows"):
        with_row("before\n", row, Path("page.md"))
