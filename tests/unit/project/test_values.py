"""Guesses at misspelled words."""

from __future__ import annotations

import pytest

from django_deploykit.project.values import nearest


@pytest.mark.parametrize(
    ("word", "guess"), [("hots", "; did you mean 'hosts'?"), ("zzz", ""), ("", "")]
)
def test_a_close_word_is_suggested(word: str, guess: str) -> None:
    assert nearest(word, ["hosts", "keep"]) == guess
