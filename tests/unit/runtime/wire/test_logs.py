"""Requests for lines of logs."""

from __future__ import annotations

from django_deploykit.runtime.wire.logs import SEARCHED_LINES, SHOWN_LINES, LogRequest, log_request


def test_what_was_not_chosen_has_a_default() -> None:
    assert log_request((), "", None, None) == LogRequest(("web",), "", SHOWN_LINES)
    chosen = log_request(("worker",), "r", 7, 1.0, "place")
    assert chosen == LogRequest(("worker",), "r", 7, 1.0, "place")


def test_all_lines_since_a_moment_are_shown() -> None:
    assert log_request((), "", None, 1.0).lines == SEARCHED_LINES
