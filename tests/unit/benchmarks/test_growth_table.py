"""The tables of growth: sizes against each other, against limits, and memory."""

from __future__ import annotations

from benchmarks.growth_pictures import pictures
from benchmarks.growth_table import markdown, row_name, sizes
from benchmarks.measure import Samples

TITLES = {"static": "static files", "code": "templates and modules"}


def samples(*rows: tuple[str, str, str, list[float]]) -> Samples:
    """Return figures of the curve of static files: row, size, subject, one figure for each round."""
    found = Samples()
    for row, label, subject, values in rows:
        for number, value in enumerate(values, start=1):
            found.add(row_name("static", row, label), subject, number, value)
    return found


def line(found: Samples, begin: str) -> str:
    (only,) = [one for one in markdown(found, TITLES).splitlines() if one.startswith(begin)]
    return only


def test_sizes_come_by_their_number_not_as_texts() -> None:
    found = samples(*(("bundle", label, "ours", [1.0]) for label in ("20,000", "200", "2,000")))
    assert sizes(found, "static") == ["200", "2,000", "20,000"]
    assert sizes(found, "code") == []


def test_a_large_site_is_held_against_the_smallest_of_the_same_round() -> None:
    found = samples(
        ("bundle", "200", "ours", [1.0, 2.0, 1.0]),
        ("bundle", "20,000", "ours", [1.4, 2.8, 1.4]),
        ("bundle", "200", "git archive", [0.1]),
        ("bundle", "20,000", "git archive", [0.5]),
    )
    said = line(found, "| static files: 200 → 20,000 | `bundle`")
    assert "| 1.0 s | 1.4 s | 1.40 (1.40-1.40) | at most 1.5 | yes |" in said
    assert said.endswith("| git archive 0.10 → 0.50 |")


def test_a_missed_bound_is_said_and_single_rounds_are_within_the_spread() -> None:
    small = ("bundle", "200", "ours", [1.0, 1.0, 1.0])
    assert "| **no** |" in line(
        samples(small, ("bundle", "20,000", "ours", [9.0, 9.0, 9.0])), "| static files: 200"
    )
    assert "| within the spread |" in line(
        samples(small, ("bundle", "20,000", "ours", [1.0, 9.0, 9.0])), "| static files: 200"
    )


def test_more_than_the_usual_large_site_may_cost_twice_as_much() -> None:
    found = samples(
        ("bundle", "200", "ours", [1.0]),
        ("bundle", "20,000", "ours", [1.4]),
        ("bundle", "100,000", "ours", [2.9]),
    )
    assert "| at most 3 | yes |" in line(found, "| static files: 200 → 100,000 | `bundle`")


def test_a_release_is_held_without_boot_and_check_but_shown_whole() -> None:
    found = samples(
        ("release", "200", "ours", [3.0]),
        ("release", "20,000", "ours", [9.0]),
        ("release beyond boot and check", "200", "ours", [2.0]),
        ("release beyond boot and check", "20,000", "ours", [2.4]),
    )
    said = line(found, "| static files: 200 → 20,000 | `release`, one line")
    assert "| 3.0 s | 9.0 s | 1.20 (1.20-1.20) | at most 1.5, beyond boot and check | yes |" in said


def test_pairs_are_of_the_largest_site() -> None:
    found = samples(
        ("static", "200", "ours", [1.0]),
        ("static", "20,000", "ours", [5.0]),
        ("static", "20,000", "collectstatic", [30.0]),
        ("first, MB/s", "20,000", "ours", [50.0]),
        ("first, MB/s", "20,000", "scp", [100.0]),
    )
    said = line(found, "| the same, against `collectstatic` by hand (20,000 static files)")
    assert "| 5.0 against 30 | 0.17 (0.17-0.17) | at most 0.125 | **no** |" in said
    said = line(found, "| first release, MB/s sent")
    assert "| 50 against 100 | 0.50 (0.50-0.50) | at least 0.8 | **no** |" in said


def test_pairs_show_the_ratio_of_the_processor_time_too() -> None:
    found = samples(
        ("added", "20,000", "ours", [5.0]),
        ("added", "20,000", "processor", [3.0]),
        ("added", "20,000", "collectstatic", [50.0]),
        ("added", "20,000", "collectstatic processor", [60.0]),
    )
    assert line(found, "| `bundle`, one static file added").endswith("| yes | 0.05 |")


def test_a_models_line_and_a_release_are_bound_in_the_smallest_site() -> None:
    found = samples(
        *(("model", label, "ours", [2.0]) for label in ("200", "20,000")),
        ("model", "200", "both", [1.0]),
        ("release beyond boot and check", "200", "ours", [0.7, 0.9, 0.8]),
    )
    assert "| 2.0 against 1.0 | 2.00 (2.00-2.00) | at most 1.3 | **no** |" in line(
        found, "| `bundle`, a model's line"
    )
    said = line(found, "| `release`, one line, seconds beyond boot and check (200 static files)")
    assert "| 0.80 | | at most 0.8 | yes |" in said


def test_what_was_not_measured_is_told_as_such() -> None:
    found = samples(("bundle", "20,000", "ours", [1.0]))
    assert "| not measured |" in line(found, "| `bundle`, one line, against `docker build`")


def test_memory_is_that_of_the_worst_case() -> None:
    found = samples(
        ("memory, bundle", "200", "controller", [60.0]),
        ("memory, bundle", "20,000", "controller", [98.0]),
        ("memory, release", "20,000", "host", [140.0]),
    )
    said = line(found, "| memory of the largest process on the controller")
    assert "| 98 MB, with 20,000 static files | | at most 150 MB | yes |" in said
    assert "| **no** |" in line(found, "| memory of the largest process on the host")


def test_a_picture_has_a_panel_for_each_job_that_was_measured() -> None:
    found = samples(
        ("bundle", "200", "ours", [1.0]),
        ("bundle", "20,000", "ours", [1.4]),
        ("bundle", "200", "git archive", [0.1]),
        ("bundle", "20,000", "git archive", [0.5]),
        ("rollback", "200", "ours", [1.0]),
    )
    (svg,) = pictures(found, TITLES).values()
    assert svg.count("<polyline") == 2  # ours, and git's; a rollback has only one size
    assert "rollback" not in svg
    assert ">20,000</text>" in svg
