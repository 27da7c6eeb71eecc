"""The keys of a section, and guesses at misspelled words."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.conf.ini import parse_ini
from django_deploykit.project.values import Keys, nearest, read_lines, read_section, read_variables


def test_a_section_is_read_without_the_values_at_fault() -> None:
    options = parse_ini("[a]\nport = 80\nlines =\n  x\n  y\nprot = 1\nkeep = x\n", Path("d.ini"))
    keys: Keys = {"port": (int, ""), "lines": (read_lines, ""), "keep": (_digit, "")}
    problems: list[str] = []
    assert read_section("a", options.sections["a"], keys, problems) == {
        "port": 80,
        "lines": ("x", "y"),
    }
    assert problems == [
        "d.ini:6: [a] has no option prot; did you mean 'port'?",
        "d.ini:7: keep must be a digit",
    ]


def _digit(text: str) -> int:
    if not text.isdigit():
        raise ValueError("must be a digit")
    return int(text)


@pytest.mark.parametrize(
    ("word", "guess"), [("hots", "; did you mean 'hosts'?"), ("zzz", ""), ("", "")]
)
def test_a_close_word_is_suggested(word: str, guess: str) -> None:
    assert nearest(word, ["hosts", "keep"]) == guess


def test_variables_are_read_as_a_shell_reads_them() -> None:
    text = "\nDEBUG=no URL=sqlite://:memory:?a=b\nGREETING='Hello, you' EMPTY="
    assert read_variables(text) == (
        ("DEBUG", "no"),
        ("URL", "sqlite://:memory:?a=b"),
        ("GREETING", "Hello, you"),
        ("EMPTY", ""),
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("DEBUG", "expected NAME=value"),
        ("A-B=1", "a name of letters"),
        ("A=1 A=2", "A is set twice"),
        ("DEPLOYKIT_BUILD=0", "is set by systemd or by the release"),
        ("A='x", "No closing quotation"),
        ("A='\x1b'", "control character"),
    ],
)
def test_variables_that_are_not_valid_are_refused(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        read_variables(text)
