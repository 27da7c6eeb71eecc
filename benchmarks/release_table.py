"""The tables of releases: bounds and what was found, ways side by side, where the time goes. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.measure import Samples

Value = Callable[[Samples], "list[float]"]


@dataclass(frozen=True)
class Bound:
    """A bound of the issue: what it is held against, as one figure for each round."""

    what: str
    bound: float
    unit: str
    value: Value
    at_least: bool = False
    beside: tuple[tuple[str, str, str], ...] = ()  # said beside it: label, row, subject

    @property
    def said(self) -> str:
        """The bound as text."""
        side = "at least" if self.at_least else "at most"
        return f"{side} {self.bound:g} {self.unit}".rstrip() if self.bound else "none"

    def meets(self, value: float) -> bool:
        """Whether a figure is within the bound."""
        return value >= self.bound if self.at_least else value <= self.bound


def own(row: str, subject: str = "ours") -> Value:
    """Return what reads a row's figures, by round."""
    return lambda samples: [
        statistics.median(values)
        for _, values in sorted(samples.values.get(row, {}).get(subject, {}).items())
    ]


def ratio(above: tuple[str, str], below: tuple[str, str]) -> Value:
    """Return what reads the ratios of two rows, by round."""
    return lambda samples: samples.ratios(above, below)


def _timed(prefix: str, project: str) -> tuple[Bound, ...]:
    """Return the bounds of times, for one project and both ways to call the command."""
    found = []
    for way in ("manage.py", "python -m"):
        what = f"{project}, `{way}`"
        found += [
            Bound(
                f"{what}: one-line change, Enter to verified live, beyond boot and check",
                2,
                "s",
                own(f"{prefix}release beyond boot and check", way),
                beside=(
                    ("release, s", f"{prefix}release", way),
                    ("boot, s", f"{prefix}the app's own boot", "app"),
                    ("`deploy_check --server`, s", f"{prefix}deploy_check --server", "app"),
                ),
            ),
            Bound(
                f"{what}: rollback, beyond boot",
                1,
                "s",
                own(f"{prefix}rollback beyond boot", way),
                beside=(("rollback, s", f"{prefix}rollback", way),),
            ),
            Bound(
                f"{what}: release of what is live",
                1,
                "s",
                own(f"{prefix}release of what is live", way),
            ),
        ]
    return tuple(found)


def _throughput(prefix: str, project: str) -> Bound:
    return Bound(
        f"{project}: first release, throughput against `scp` of the bundle",
        0.8,
        "",
        ratio((f"{prefix}first release, send", "ours"), (f"{prefix}scp of the bundle", "scp")),
        at_least=True,
        beside=(
            ("ours, MB/s", f"{prefix}first release, send", "ours"),
            ("scp, MB/s", f"{prefix}scp of the bundle", "scp"),
        ),
    )


BOUNDS = (
    Bound(
        "failed requests, releases and rollbacks in a row",
        0,
        "",
        own("failed requests", "releasing"),
        beside=(
            ("switches", "switches", "releasing"),
            ("requests", "requests", "releasing"),
            ("in quiet", "failed requests", "quiet"),
        ),
    ),
    Bound(
        "slowest request of those, in p99 of quiet operation",
        5,
        "times",
        ratio(("slowest request", "releasing"), ("p99 request", "quiet")),
        beside=(
            ("slowest, ms", "slowest request", "releasing"),
            ("p99 in quiet, ms", "p99 request", "quiet"),
            ("slowest in quiet, ms", "slowest request", "quiet"),
        ),
    ),
    *_timed("", "testproject"),
    *_timed("heavy, ", "36 distributions"),
    Bound(
        "bytes of a one-line change, beyond the changed files compressed",
        64,
        "KiB",
        own("bytes beyond the change"),
        beside=(("all bytes, KiB", "bytes", "ours"),),
    ),
    Bound(
        "the same, repository and static files of 200 MB",
        64,
        "KiB",
        own("large, bytes beyond the change"),
        beside=(
            ("all bytes, KiB", "large, bytes", "ours"),
            ("scp of a shiv, KiB", "large, bytes", "scp of a shiv"),
            ("rsync of a shiv, KiB", "large, bytes", "rsync of a shiv"),
            ("scp of a pex, KiB", "large, bytes", "scp of a pex"),
            ("rsync of a pex, KiB", "large, bytes", "rsync of a pex"),
        ),
    ),
    _throughput("", "testproject"),
    _throughput("heavy, ", "36 distributions"),
    Bound(
        "all hosts against one, time",
        4,
        "times",
        ratio(("many, release", "all"), ("many, release", "one")),
        beside=(
            ("hosts", "many, hosts", "ours"),
            ("all, s", "many, release", "all"),
            ("one, s", "many, release", "one"),
        ),
    ),
    Bound(
        "the same, each host with the same share of a processor in both",
        4,
        "times",
        ratio(("many apart, release", "all"), ("many apart, release", "one")),
        beside=(
            ("share of a processor", "many apart, share", "ours"),
            ("all, s", "many apart, release", "all"),
            ("one, s", "many apart, release", "one"),
        ),
    ),
    Bound("memory of the controller, all hosts", 200, "MB", own("many, memory")),
)
_WAYS = ("ours", "shiv", "capistrano")
_SIDES = (
    ("time, in quiet, s", "time"),
    ("bytes sent, KiB", "bytes"),
    ("failed requests", "failed"),
    ("slowest request, ms", "slowest"),
    ("longest time without an answer, ms", "gap"),
)
_STAGED = ("release", "rollback")


def markdown(samples: Samples) -> str:
    """Return all tables for which there are figures."""
    parts = [_bounds(samples), _sides(samples), _stages(samples)]
    return "\n".join(part for part in parts if part)


def _bounds(samples: Samples) -> str:
    lines = ["| what | found (spread) | bound | met | beside it |", "|---|---|---|---|---|"]
    for bound in BOUNDS:
        found = bound.value(samples)
        if not found:
            lines.append(f"| {bound.what} | | {bound.said} | not measured | |")
            continue
        middle = statistics.median(found)
        spread = f" ({number(min(found))}-{number(max(found))})" if len(found) > 1 else ""
        beside = ", ".join(
            f"{label} {number(value)}"
            for label, row, subject in bound.beside
            if (value := samples.median(row, subject)) is not None
        )
        shown = f"{number(middle)} {bound.unit}".rstrip()
        lines.append(
            f"| {bound.what} | {shown}{spread} | {bound.said} | {verdict(bound, found)} | {beside} |"
        )
    return "\n".join(lines) + "\n"


def verdict(bound: Bound, found: list[float]) -> str:
    """Say whether a bound is met, or only met in single rounds."""
    if bound.meets(statistics.median(found)):
        return "yes"
    return "within the spread" if any(bound.meets(value) for value in found) else "**no**"


def _sides(samples: Samples) -> str:
    if samples.median("time", "ours") is None:
        return ""
    lines = [
        "| a one-line change, live | ours | shiv, scp, restart | releases and a link, restart |",
        "|---|---|---|---|",
    ]
    for label, row in _SIDES:
        cells = [samples.median(row, way) for way in _WAYS]
        shown = " | ".join("" if value is None else number(value) for value in cells)
        lines.append(f"| {label} | {shown} |")
    return "\n".join(lines) + "\n"


def _stages(samples: Samples) -> str:
    lines = ["| stage, s | release | rollback |", "|---|---|---|"]
    names = dict.fromkeys(
        row.partition(": ")[2]
        for row in samples.values
        if row.partition(": ")[0] in _STAGED and ": " in row
    )
    for name in names:
        cells = [samples.median(f"{row}: {name}", "manage.py") for row in _STAGED]
        shown = " | ".join("" if value is None else number(value) for value in cells)
        lines.append(f"| {name} | {shown} |")
    return "\n".join(lines) + "\n" if names else ""


def number(value: float) -> str:
    """Return a figure with two or three digits that count.

    >>> number(0.0), number(0.6612), number(-0.25), number(7.214), number(1204.2)
    ('0', '0.66', '-0.25', '7.2', '1,204')
    """
    if value == int(value):
        return f"{value:,.0f}"
    if abs(value) < 1:
        return f"{value:.2f}"
    return f"{value:.1f}" if abs(value) < 10 else f"{value:,.0f}"
