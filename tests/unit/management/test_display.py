"""The live display: what it draws, and that it leaves the terminal as it found it."""

from __future__ import annotations

import io

import pytest

from django_deploykit.management.display import Display
from django_deploykit.management.progress_rows import Board
from django_deploykit.progress import DONE, FAILED, RUNS
from tests.screens import Terminal


@pytest.fixture(autouse=True)
def terminal_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")


def board() -> Board:
    made = Board()
    hosts = ["web1", "a-long-name-of-a-host.internal.example.com"]
    made.begin("switch", [*hosts, "web3"], 0.0)
    made.at("web1", "switch", FAILED, "GET / answered 500", 1.0)
    made.at(hosts[1], "switch", RUNS, "verify", 1.0)
    return made


def test_a_row_for_each_host() -> None:
    rows = drawn(board())
    assert [row.split()[:2] for row in rows] == [
        ["x", "web1"],
        [rows[1][0], "a-long-name-of-a-host.int…"],
        [".", "web3"],
    ]
    assert rows[0].endswith("s GET / answered 500")
    assert len({row.index("switch") for row in rows}) == 1


def test_times_stand_below_each_other_whatever_the_step() -> None:
    data = board()
    data.at("web3", "compatibility", RUNS, "", 1.0)
    first, _, third = drawn(data)
    assert first.index(" s ") == third.index(" s ")


def drawn(data: Board) -> list[str]:
    """Return the lines of a drawing of 80 columns after 12.5 s, without colours."""
    return Display(io.StringIO(), data).drawing(12.5).plain.splitlines()


def test_a_terminal_without_unicode_gets_ascii() -> None:
    plain = Board()
    plain.begin("export", [], 0.0)
    (row,) = drawn(plain)
    assert row.isascii()


def test_hosts_that_do_not_fit_are_counted() -> None:
    many = Board()
    many.begin("send", [f"web{number}" for number in range(40)], 0.0)
    lines = drawn(many)
    assert len(lines) == 21
    assert lines[-1] == "  and 20 more: 20 waiting"


def test_a_line_with_a_mark_stays_above_the_drawing() -> None:
    with Terminal() as terminal:
        display = Display(terminal.file, board())
        display.start()
        display.start()  # it draws already
        terminal.wait_for("verify")
        display.line("send 1.2 s", DONE)
        display.line("a note")
        display.stop()
    assert terminal.screen == ["✓ send 1.2 s", "a note"]
