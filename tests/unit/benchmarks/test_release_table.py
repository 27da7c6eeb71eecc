"""The tables of releases on made-up figures."""

from __future__ import annotations

from benchmarks.measure import Samples
from benchmarks.release_table import BOUNDS, markdown, verdict


def line(samples: Samples, start: str) -> str:
    return next(row for row in markdown(samples).splitlines() if row.startswith(f"| {start}"))


def test_a_failed_request_misses_the_bound() -> None:
    samples = Samples()
    samples.add("failed requests", "releasing", 1, 0)
    assert "| 0 | none | yes |" in line(samples, "failed requests")
    samples = Samples()
    samples.add("failed requests", "releasing", 1, 1)
    assert "| 1 | none | **no** |" in line(samples, "failed requests")


def test_the_slowest_request_is_held_against_quiet_operation() -> None:
    samples = Samples()
    samples.add("slowest request", "releasing", 1, 60)
    samples.add("p99 request", "quiet", 1, 10)
    said = line(samples, "slowest request")
    assert "6.0 times" in said or "6 times" in said
    assert "**no**" in said
    assert "p99 in quiet, ms 10" in said


def test_throughput_is_compared_round_by_round() -> None:
    samples = Samples()
    for number, (ours, theirs) in enumerate([(50, 100), (90, 100), (95, 100)]):
        samples.add("first release, send", "ours", number, ours)
        samples.add("scp of the bundle", "scp", number, theirs)
    said = line(samples, "testproject: first release")
    assert "0.90 (0.50-0.95)" in said
    assert "| yes |" in said


def test_single_rounds_that_meet_a_bound_are_named() -> None:
    rule = next(one for one in BOUNDS if one.what.endswith("release of what is live"))
    assert verdict(rule, [0.9, 1.2, 1.3]) == "within the spread"
    assert verdict(rule, [1.1, 1.2, 1.3]) == "**no**"


def test_what_was_not_measured_is_said() -> None:
    text = markdown(Samples())
    assert text.count("not measured") == len(BOUNDS)
    assert "shiv, scp, restart" not in text


def test_ways_stand_side_by_side() -> None:
    samples = Samples()
    for way, value in (("ours", 3.0), ("shiv", 9.0), ("capistrano", 12.0)):
        samples.add("time", way, 1, value)
    assert "| time, in quiet, s | 3 | 9 | 12 |" in markdown(samples)
