"""Answers of the verbs of a release."""

from __future__ import annotations

from django_deploykit.runtime.wire.reader import TEXT_LIMIT, read
from django_deploykit.runtime.wire.releasing import Arrived, ListResult, SettleResult


def test_the_list_of_a_large_layer_is_a_long_text() -> None:
    text = "x" * (TEXT_LIMIT + 1)
    assert read(ListResult, {"list": text}, "list") == ListResult(text)


def test_nothing_settled_is_none() -> None:
    assert read(SettleResult, {"settled": None, "live": "a"}, "settle") == SettleResult(None, "a")


def test_people_do_not_see_that_all_arrived() -> None:
    assert str(Arrived()) == ""
