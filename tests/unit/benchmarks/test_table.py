"""The table of measurements: ratios of rounds against bounds, and what is said of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.measure import Samples
from benchmarks.page import with_table
from benchmarks.table import Row, markdown, verdict

SPEED = Row("start", ("start", "ours"), ("start", "theirs"), 0.5)
RATE = Row("requests", ("rate", "ours"), ("rate", "theirs"), 1.0, at_least=True, unit="/s")
ALONE = Row("memory", ("memory", "ours"), None, 150, unit="MB")


def samples(row: str, ours: list[float], theirs: list[float]) -> Samples:
    """Return one figure of each side for each round."""
    found = Samples()
    for number, value in enumerate(ours):
        found.add(row, "ours", number, value)
    for number, value in enumerate(theirs):
        found.add(row, "theirs", number, value)
    return found


@pytest.mark.parametrize(
    ("row", "found", "said"),
    [
        (SPEED, samples("start", [1, 1, 1], [4, 4, 4]), "yes"),
        (SPEED, samples("start", [3, 3, 3], [4, 4, 4]), "**no**"),
        (SPEED, samples("start", [1, 3, 3], [4, 4, 4]), "within the spread"),
        (SPEED, samples("start", [3], [4]), "**no**"),
        (SPEED, samples("start", [3], []), "not measured"),
        (RATE, samples("rate", [90, 99, 101], [100, 100, 100]), "within the spread"),
        (RATE, samples("rate", [80, 90, 95], [100, 100, 100]), "**no**"),
        (RATE, samples("rate", [100, 110, 110], [100, 100, 100]), "yes"),
        (ALONE, samples("memory", [40, 41, 42], []), "yes"),
        (ALONE, samples("memory", [151, 200, 160], []), "**no**"),
    ],
)
def test_a_bound_is_met_missed_or_within_the_spread(row: Row, found: Samples, said: str) -> None:
    assert verdict(row, found) == said


def test_rounds_are_compared_with_themselves() -> None:
    # The machine was twice as slow in the second round, for both: the ratio does not know.
    found = samples("start", [1, 2, 1], [4, 8, 4])
    assert found.ratios(("start", "ours"), ("start", "theirs")) == [0.25, 0.25, 0.25]


def test_a_round_without_its_other_half_is_left_out() -> None:
    found = samples("start", [1, 2], [4])
    assert found.ratios(("start", "ours"), ("start", "theirs")) == [0.25]


def test_the_table_shows_figures_ratio_bound_and_verdict() -> None:
    row = Row("start", ("start", "ours"), ("start", "theirs"), 0.5, shown=("theirs",))
    lines = markdown(samples("start", [1, 1, 1], [4, 4, 4]), (row,)).splitlines()
    assert (
        lines[2]
        == "| start | 1.0 s | theirs 4.0 | 0.25 (0.25-0.25) | at most 0.5 of theirs | yes |"
    )


def test_the_table_takes_its_place_in_a_page() -> None:
    page = "# M\n<!-- table -->\nold\n<!-- /table -->\nrest\n"
    assert (
        with_table(page, "new\n", Path("page.md"))
        == "# M\n<!-- table -->\nnew\n<!-- /table -->\nrest\n"
    )


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(SystemExit, match="no marks"):
        with_table("# M\n<!-- table -->\nold\n", "new", Path("page.md"))
