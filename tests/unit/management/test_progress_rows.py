"""The live display's data: rows by host, bytes, rates, what fits."""

from __future__ import annotations

from django_deploykit.management.progress_rows import WAITS, Board, Row, fitting
from django_deploykit.progress import DONE, FAILED, RUNS


def test_hosts_wait_until_they_begin() -> None:
    board = Board()
    board.begin("switch", ["web1", "web2"], 10.0)
    board.at("web1", "switch", RUNS, "", 11.0)
    first, second = board.rows()
    assert (first.state, second.state) == (RUNS, WAITS)
    assert first.seconds(13.0) == 2.0
    assert second.seconds(13.0) == 0.0


def test_a_change_within_a_step_goes_on_counting_and_keeps_bytes() -> None:
    board = Board()
    board.begin("send", ["web1"], 0.0)
    board.at("web1", "send", RUNS, "", 1.0)
    board.advance("web1", 512, 1024)
    board.at("web1", "send", RUNS, "again", 5.0)
    board.at("web1", "send", DONE, "", 7.0)
    row = board.rows()[0]
    assert (row.done, row.total, row.state) == (512, 1024, DONE)
    assert row.seconds(100.0) == 6.0


def test_the_next_step_begins_at_zero() -> None:
    board = Board()
    board.begin("send", ["web1"], 0.0)
    board.advance("web1", 512, 1024)
    board.begin("stage", ["web1"], 9.0)
    assert board.moved() == 0
    assert board.rows() == [Row("web1", "stage")]


def test_the_controllers_row_goes_with_its_step() -> None:
    board = Board()
    board.begin("export", [], 0.0)
    assert [row.host for row in board.rows()] == [""]
    board.leave()
    assert board.rows() == []


def test_a_failed_host_marks_only_its_own_step() -> None:
    board = Board()
    board.begin("switch", ["web1"], 0.0)
    board.at("web1", "switch", FAILED, "no", 1.0)
    assert board.failed("switch")
    assert not board.failed("prune")


def test_more_bytes_than_planned_are_no_more_than_all() -> None:
    board = Board()
    board.advance("web1", 2048, 1024)
    assert board.rows()[0].doing(0.0).startswith("2.0 KiB of 2.0 KiB")


def test_a_row_says_bytes_rate_and_what_it_does() -> None:
    row = Row("web1", "send", RUNS, "again", done=1 << 20, total=4 << 20, begun=1.0)
    assert row.doing(3.0) == "again, 1.0 MiB of 4.0 MiB, 512.0 KiB/s"
    assert Row("web1", "stage", RUNS).doing(3.0) == ""


def test_a_row_that_is_done_says_what_was_moved() -> None:
    row = Row("web1", "send", DONE, done=1024, total=4096, begun=1.0, ended=2.0)
    assert row.doing(3.0) == "1.0 KiB, 1.0 KiB/s"


def test_rows_that_do_not_fit_are_counted_and_those_that_matter_stay() -> None:
    rows = [Row(f"web{n}", "switch", DONE) for n in range(8)]
    rows += [Row("bad", "switch", FAILED), Row("busy", "switch", RUNS), Row("idle", "switch")]
    kept, rest = fitting(rows, 4)
    assert [row.host for row in kept] == ["bad", "busy", "idle"]
    assert rest == "and 8 more: 8 done"
    assert fitting(rows, 11) == (rows, "")
