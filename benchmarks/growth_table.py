"""The tables of growth: what a job costs in sites of two sizes, its bound, and what it cannot avoid. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from benchmarks.measure import Samples

FLAT = 1.5
BEYOND = 0.8  # seconds of a release of one line beyond the app's boot and check


@dataclass(frozen=True)
class Job:
    """A line for each size of a curve beyond the smallest: its ratio to the smallest, and what bounds it.

    ``value`` is the row of the samples that the bound is held against; ``row`` the one that is shown.
    ``limits`` are subjects of the row: what nobody avoids. ``curves`` has bounds of single curves.
    """

    name: str
    row: str
    value: str
    bound: float
    limits: tuple[str, ...]


@dataclass(frozen=True)
class Pair:
    """A bound between two rows of one site: ours at most, or at least, so many times the other.

    It holds for the largest of the usual sizes of a curve, or for the ``smallest``. ``spent`` are the
    subjects of both sides' processor time.
    """

    what: str
    curve: str
    ours: tuple[str, str]
    other: tuple[str, str]
    bound: float
    at_least: bool = False
    spent: tuple[str, str] | None = None
    smallest: bool = False


JOBS = (
    Job("`bundle`, one line of a view", "bundle", "bundle", FLAT, ("git archive", "git diff")),
    Job(
        "`release`, one line", "release", "release beyond boot and check", FLAT, ("boot and check",)
    ),
    Job("`release rollback`", "rollback", "rollback beyond boot", 1.2, ("boot",)),
)
# Bundling a static file is bound by a view's line and by collectstatic, a first release by scp.
PAIRS = (
    Pair(
        "`bundle`, one static file, against a view's line",
        "static",
        ("static", "ours"),
        ("bundle", "ours"),
        3,
        spent=("processor", "processor"),
    ),
    Pair(
        "the same, against `collectstatic` by hand",
        "static",
        ("static", "ours"),
        ("static", "collectstatic"),
        1 / 8,
        spent=("processor", "collectstatic processor"),
    ),
    Pair(
        "`bundle`, one static file added, against `collectstatic` by hand",
        "static",
        ("added", "ours"),
        ("added", "collectstatic"),
        1 / 8,
        spent=("processor", "collectstatic processor"),
    ),
    Pair(
        "`bundle`, a model's line, against export and `collectstatic` by hand",
        "static",
        ("model", "ours"),
        ("model", "both"),
        1.3,
        spent=("processor", "both processor"),
        smallest=True,
    ),
    Pair(
        "first release, MB/s sent, against `scp` of the file",
        "static",
        ("first, MB/s", "ours"),
        ("first, MB/s", "scp"),
        0.8,
        at_least=True,
    ),
    Pair(
        "first release, MB/s sent, against `scp` of the file",
        "film",
        ("first, MB/s", "ours"),
        ("first, MB/s", "scp"),
        0.8,
        at_least=True,
    ),
    Pair(
        "`release`, one line, against Capistrano's way with `rsync -a`",
        "static",
        ("release", "ours"),
        ("release", "rsync"),
        1,
    ),
    Pair(
        "`release`, one line, against Capistrano's way with `rsync -a`",
        "code",
        ("release", "ours"),
        ("release", "rsync"),
        1,
    ),
    Pair(
        "`bundle`, one line, against `docker build` with its cache",
        "static",
        ("bundle", "ours"),
        ("bundle", "docker"),
        1,
    ),
)
# MiB of the largest process of a kind, in every site.
MEMORY = (("controller", 150.0), ("host", 100.0))
_MEMORY_ROWS = tuple(f"memory, {job}" for job in ("bundle", "static", "added", "model", "release"))


def sizes(samples: Samples, curve: str) -> list[str]:
    """Return the labels of a curve's sizes, smallest first."""
    begin = f"{curve}: "
    labels = {row.rpartition(", ")[2] for row in samples.values if row.startswith(begin)}
    return sorted(labels, key=lambda label: float(label.replace(",", "")))


def row_name(curve: str, row: str, label: str) -> str:
    """Return the name of a site's row in the samples."""
    return f"{curve}: {row}, {label}"


def markdown(samples: Samples, titles: Mapping[str, str]) -> str:
    """Return both tables; ``titles`` names the curves."""
    lines = [
        "| what grows | job | small | large | ratio (spread) | bound | met | of the processor | cannot be avoided |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for curve, title in titles.items():
        lines += _grown(samples, curve, title)
    lines += ["", "| what | figures | ratio (spread) | bound | met | of the processor |"]
    lines += ["|---|---|---|---|---|---|"]
    lines += [line for pair in PAIRS for line in _pair(samples, pair, titles)]
    lines += _beyond_boot_and_check(samples)
    lines += [line for kind, bound in MEMORY for line in _memory(samples, kind, bound, titles)]
    return "\n".join(lines) + "\n"


def _grown(samples: Samples, curve: str, title: str) -> Iterator[str]:
    labels = sizes(samples, curve)
    for job in JOBS:
        for label in labels[1:]:
            small, large = (row_name(curve, job.row, one) for one in (labels[0], label))
            own = samples.median(small, "ours"), samples.median(large, "ours")
            if own[0] is None or own[1] is None:
                continue
            found = samples.ratios(
                (row_name(curve, job.value, label), "ours"),
                (row_name(curve, job.value, labels[0]), "ours"),
            )
            bound = job.bound * (2 if float(label.replace(",", "")) > 20_000 else 1)
            limits = ", ".join(
                f"{name} {_number(a)} → {_number(b)}"
                for name in job.limits
                if (a := samples.median(small, name)) is not None
                and (b := samples.median(large, name)) is not None
            )
            spent = samples.ratios((large, "processor"), (small, "processor"))
            yield (
                f"| {title}: {labels[0]} → {label} | {job.name} | {_number(own[0])} s | {_number(own[1])} s"
                f" | {_spread(found)} | at most {bound:g}{_beyond(job)} | {_met(found, bound)}"
                f" | {_middle(spent)} | {limits} |"
            )


def _beyond(job: Job) -> str:
    return "" if job.value == job.row else f", {job.value.removeprefix(job.row).strip()}"


def _pair(samples: Samples, pair: Pair, titles: Mapping[str, str]) -> Iterator[str]:
    labels = sizes(samples, pair.curve)
    for label in labels[:1] if pair.smallest else labels[-1:]:
        ours, other = (
            (row_name(pair.curve, row, label), subject) for row, subject in (pair.ours, pair.other)
        )
        found = samples.ratios(ours, other)
        figures = " against ".join(
            _number(value) for one in (ours, other) if (value := samples.median(*one)) is not None
        )
        side = "at least" if pair.at_least else "at most"
        met = _met(found, pair.bound, at_least=pair.at_least)
        what = f"{pair.what} ({label} {titles.get(pair.curve, pair.curve)})"
        spent = samples.ratios(*_processor(ours, other, pair.spent)) if pair.spent else []
        yield (
            f"| {what} | {figures} | {_spread(found)} | {side} {pair.bound:g} | {met} |"
            f" {_middle(spent)} |"
        )


def _processor(
    ours: tuple[str, str], other: tuple[str, str], subjects: tuple[str, str]
) -> tuple[tuple[str, str], tuple[str, str]]:
    return (ours[0], subjects[0]), (other[0], subjects[1])


def _beyond_boot_and_check(samples: Samples) -> Iterator[str]:
    """Yield the line of a release of the smallest site, in seconds beyond what the app takes."""
    for label in sizes(samples, "static")[:1]:
        row = row_name("static", "release beyond boot and check", label)
        found = [
            value
            for values in samples.values.get(row, {}).get("ours", {}).values()
            for value in values
        ]
        if found:
            yield (
                f"| `release`, one line, seconds beyond boot and check ({label} static files) |"
                f" {_number(statistics.median(found))} | | at most {BEYOND:g} | {_met(found, BEYOND)} | |"
            )


def _memory(samples: Samples, kind: str, bound: float, titles: Mapping[str, str]) -> Iterator[str]:
    found = [
        (value, f"{label} {title}")
        for curve, title in titles.items()
        for label in sizes(samples, curve)
        for row in _MEMORY_ROWS
        if (value := samples.median(row_name(curve, row, label), kind)) is not None
    ]
    if found:
        most, where = max(found)
        met = "yes" if most <= bound else "**no**"
        yield (
            f"| memory of the largest process on the {kind}, worst case | {most:.0f} MB, with {where} |"
            f" | at most {bound:g} MB | {met} | |"
        )


def _met(found: list[float], bound: float, *, at_least: bool = False) -> str:
    """Say whether the median is within the bound, or only single rounds are."""
    if not found:
        return "not measured"
    sign = -1 if at_least else 1
    values = [sign * value for value in found]
    if statistics.median(values) <= sign * bound:
        return "yes"
    return "within the spread" if len(found) > 1 and min(values) <= sign * bound else "**no**"


def _spread(found: list[float]) -> str:
    if not found:
        return ""
    return f"{statistics.median(found):.2f} ({min(found):.2f}-{max(found):.2f})"


def _middle(found: list[float]) -> str:
    return f"{statistics.median(found):.2f}" if found else ""


def _number(value: float) -> str:
    if value < 1:
        return f"{value:.2f}"
    return f"{value:.1f}" if value < 10 else f"{value:,.0f}"
