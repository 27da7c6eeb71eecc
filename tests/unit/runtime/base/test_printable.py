"""Foreign text on a terminal."""

from __future__ import annotations

import pytest

from django_deploykit.runtime.base.printable import printable


@pytest.mark.parametrize(
    "text", ["", "plain", "naïve café ☃ 日本語 עברית", "a\tb\nc", "12\u202f000\xa0€"]
)
def test_keeps_what_a_terminal_shows(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x9b31m", "\\x9b31m"),
        ("over\rwritten", "over\\rwritten"),
        ("a\u202eb\u2066c", "a\\u202eb\\u2066c"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("line\u2028end\x85", "line\\u2028end\\x85"),
        ("\udc80", "\\udc80"),
        ("\U000e0041", "\\U000e0041"),
    ],
    ids=["escape", "C1", "return", "bidirectional", "invisible", "line ends", "surrogate", "tag"],
)
def test_escapes_what_moves_the_cursor_or_hides(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_line_ends_and_tabs_are_escaped_where_the_caller_says_so() -> None:
    assert printable("a\tb\nc", kept="\t") == "a\tb\\nc"
