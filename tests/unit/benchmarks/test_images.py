"""The rows of images: ratios by round, bounds that are met or missed."""

from __future__ import annotations

from benchmarks.images import BUILD, BYTES, OURS, PEER, rows
from benchmarks.measure import Samples


def test_shows_each_row_that_was_measured_with_its_bound() -> None:
    samples = Samples()
    for number, ours, peer in ((1, 1.0, 10.0), (2, 2.0, 10.0)):
        samples.add(BUILD, OURS, number, ours)
        samples.add(BUILD, PEER, number, peer)
        samples.add(f"{BUILD}, processor time", OURS, number, 0.5)
        samples.add(BYTES, OURS, number, 9000.0)
        samples.add(BYTES, PEER, number, 12000.0)
    assert rows(samples, ", small") == [
        (
            f"| {BUILD}, small | 1.5 s | docker build 10 s, ours in processor time 0.5 s"
            " | 0.15 (0.10-0.20) | at most 0.5 of docker build | yes |"
        ),
        (
            f"| {BYTES}, small | 9 kB | docker build 12 kB"
            " | 0.75 (0.75-0.75) | at most 0.5 of docker build | **no** |"
        ),
    ]
