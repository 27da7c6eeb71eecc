"""The table of Debian packages: ratios by round, bounds that are met or missed."""

from __future__ import annotations

from benchmarks.debian import page

_SIZE = "36 distributions"


def test_shows_each_row_that_was_measured_with_its_bound() -> None:
    samples = {
        f"{_SIZE}: build": {
            "ours": {"2": [1.0], "3": [2.0]},
            "dh-virtualenv": {"2": [10.0], "3": [10.0]},
        },
        f"{_SIZE}: upgrade": {"ours": {"2": [3.0]}, "dh-virtualenv": {"2": [4.0]}},
        f"{_SIZE}: memory on the host": {"ours": {"2": [40.0]}},
    }
    lines = page({_SIZE: {"samples": samples, "said": "in a test"}}).splitlines()
    assert "in a test" in lines[0]
    assert lines[4:] == [
        (
            f"| {_SIZE}: build after a one-line change | 1.5 s | 10 s | 0.15 (0.10-0.20)"
            " | at most 0.5 of dh-virtualenv | yes |"
        ),
        (
            f"| {_SIZE}: `dpkg -i` of a one-line change until the site shows it | 3 s | 4 s"
            " | 0.75 (0.75-0.75) | at most 0.5 of dh-virtualenv | **no** |"
        ),
        f"| {_SIZE}: the same, `dpkg -i` on the host | 40 MB |  |  | at most 100 MB | yes |",
    ]
