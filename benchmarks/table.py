"""The rows, their bounds, and the table: pure. A bound that is missed is said, it fails nothing."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.measure import Samples

Cell = tuple[str, str]  # a row of the samples and whose


@dataclass(frozen=True)
class Row:
    """A line of the table: ours against a peer (a ratio), or only ours (its own unit)."""

    job: str
    ours: Cell
    against: Cell | None
    bound: float
    at_least: bool = False
    unit: str = "s"
    shown: tuple[str, ...] = ()  # whose figures stand beside

    @property
    def said(self) -> str:
        """The bound as text."""
        side = "at least" if self.at_least else "at most"
        if self.against is None:
            return f"{side} {self.bound:g} {self.unit}"
        whose = self.against[1] if self.against[0] == self.ours[0] else self.against[0]
        return f"{side} {self.bound:g} of {whose}"


_BUILT = ("shiv", "pex", "pex packed", "pex --venv", "virtualenv")
_STARTED = ("shiv", "pex", "virtualenv")


def _own(job: str, row: str, against: str, bound: float, **more: object) -> Row:
    return Row(job, (row, "ours"), (row, against), bound, **more)  # type: ignore[arg-type]


ROWS = (
    _own("first bundle", "first", "pex", 0.45, shown=("shiv", "pex", "pex packed")),
    _own("bundle after a one-line change", "again", "pex packed", 0.5, shown=_BUILT),
    _own("the same", "again", "shiv", 0.05),
    Row(
        "the same (a view's line), the whole command, `manage.py bundle`",
        ("again, whole command", "ours"),
        ("export and collectstatic", "by hand"),
        1.3,
        shown=("by hand",),
    ),
    Row(
        "the same, `python -m django_deploykit bundle`",
        ("again, python -m", "ours"),
        ("export and collectstatic", "by hand"),
        1.3,
        shown=("by hand",),
    ),
    Row(
        "a model's line, the whole command, `manage.py bundle`",
        ("a model again, whole command", "ours"),
        ("export and collectstatic", "by hand"),
        1.3,
        shown=("by hand",),
    ),
    Row(
        "the same, `python -m django_deploykit bundle`",
        ("a model again, python -m", "ours"),
        ("export and collectstatic", "by hand"),
        1.3,
        shown=("by hand",),
    ),
    _own("size", "size", "shiv", 1.25, unit="MB", shown=("shiv", "pex", "pex packed")),
    _own("`check`, empty cache", "check, empty cache", "shiv", 0.4, shown=_BUILT),
    _own("`check`, warm cache", "check, warm cache", "virtualenv", 1.05, shown=_BUILT),
    Row(
        "`check`, new release after a one-line change",
        ("check, new release", "ours"),
        ("check, warm cache", "ours"),
        1.2,
        shown=("shiv", "pex", "pex packed", "pex --venv"),
    ),
    Row(
        "`check`, nothing can be written beside the code",
        ("check, nothing written", "ours"),
        ("check, warm cache", "ours"),
        1.05,
        shown=_BUILT,
    ),
    _own(
        "gunicorn to the first 200, empty cache",
        "gunicorn, empty cache",
        "shiv",
        0.4,
        shown=_STARTED,
    ),
    _own(
        "gunicorn to the first 200, warm cache",
        "gunicorn, warm cache",
        "virtualenv",
        1.05,
        shown=_STARTED,
    ),
    _own(
        "`check`, installed release", "check, installed", "virtualenv", 1.05, shown=("virtualenv",)
    ),
    _own(
        "gunicorn to the first 200, installed release",
        "gunicorn, installed",
        "virtualenv",
        1.05,
        shown=("virtualenv",),
    ),
    _own(
        "requests per second, a page",
        "requests, dynamic",
        "virtualenv",
        1.0,
        at_least=True,
        unit="/s",
        shown=("virtualenv",),
    ),
    _own(
        "requests per second, a static file",
        "requests, static",
        "virtualenv",
        1.0,
        at_least=True,
        unit="/s",
        shown=("virtualenv",),
    ),
    Row(
        "memory, the largest process, first bundle", ("memory, first", "ours"), None, 150, unit="MB"
    ),
    Row(
        "memory, the largest process, bundle after a change",
        ("memory, again", "ours"),
        None,
        150,
        unit="MB",
        shown=("shiv", "pex", "pex packed"),
    ),
    Row(
        "memory, all processes together but collectstatic's, first bundle",
        ("memory, all processes beside collectstatic", "ours"),
        None,
        150,
        unit="MB",
        shown=("shiv", "pex"),
    ),
    Row(
        "the same, with the project that collectstatic loads",
        ("memory, all processes together", "ours"),
        None,
        150,
        unit="MB",
    ),
    _own("`deploy_check`", "deploy_check", "check --deploy", 1.5, shown=("check --deploy",)),
    Row(
        "import of `django_deploykit.conf` over `django.conf`",
        ("import of the settings helpers", "ours"),
        None,
        10,
        unit="ms",
    ),
)


def value_of(row: Row, samples: Samples) -> tuple[float, list[float]] | None:
    """Return what the bound is held against, and it for each round; None where nothing was measured."""
    if row.against is None:
        rounds = samples.values.get(row.ours[0], {}).get(row.ours[1], {})
        found = [statistics.median(values) for values in rounds.values()]
    else:
        found = samples.ratios(row.ours, row.against)
    return (statistics.median(found), found) if found else None


def verdict(row: Row, samples: Samples) -> str:
    """Say whether the bound is met; one that is within the spread of the rounds is undecided."""
    value = value_of(row, samples)
    if value is None:
        return "not measured"
    middle, found = value
    if middle >= row.bound if row.at_least else middle <= row.bound:
        return "yes"
    best = max(found) if row.at_least else min(found)
    inside = best >= row.bound if row.at_least else best <= row.bound
    return "within the spread" if inside and len(found) > 1 else "**no**"


def markdown(samples: Samples, rows: Sequence[Row] = ROWS) -> str:
    """Return the table."""
    lines = ["| job | ours | others | ratio (spread) | bound | met |", "|---|---|---|---|---|---|"]
    for row in rows:
        value = value_of(row, samples)
        ratio = ""
        if value and row.against:
            ratio = f"{value[0]:.2f} ({min(value[1]):.2f}-{max(value[1]):.2f})"
        others = ", ".join(
            f"{name} {_number(found)}"
            for name in row.shown
            if (found := samples.median(*_cell(row, name))) is not None
        )
        own = samples.median(*row.ours)
        figure = f"{_number(own)} {row.unit}" if own is not None else ""
        lines.append(
            f"| {row.job} | {figure} | {others} | {ratio} | {row.said} | {verdict(row, samples)} |"
        )
    return "\n".join(lines) + "\n"


def _cell(row: Row, name: str) -> Cell:
    """Return where somebody's figure for a row is: beside ours, or where the bound points."""
    return row.against if row.against and row.against[1] == name else (row.ours[0], name)


def _number(value: float) -> str:
    """Return a figure with two or three digits that count.

    >>> _number(0.6612), _number(7.214), _number(58.31), _number(1204.2)
    ('0.66', '7.2', '58', '1,204')
    """
    if value < 1:
        return f"{value:.2f}"
    return f"{value:.1f}" if value < 10 else f"{value:,.0f}"
