"""Which tests a CI machine may skip. It has everything else, so another skip there is a failure."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

# A pattern that matches the whole reason of a skip, and why a CI machine may lack what it needs.
ALLOWED = {
    r"db_default came with Django 5\.0": "an environment of the matrix has Django 4.2",
    r"no Python too old to run a bundle is here": "Python 3.8 is past its end",
    r"other kernels size pipes by themselves": "not Linux",
    r"the disk does not update access times": "mounted with noatime",
}


class Report(Protocol):
    """What pytest reports about a test."""

    nodeid: str
    longrepr: object


def reason(report: Report) -> str:
    """Return why a test was skipped."""
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return str(text).removeprefix("Skipped: ")


def is_allowed(text: str, more: str | None = None) -> bool:
    """Whether a CI machine may skip a test for this reason; ``more`` is another reason, word for word."""
    return text == more or any(re.fullmatch(pattern, text) for pattern in ALLOWED)


def iter_unexpected(reports: Iterable[Report], more: str | None = None) -> Iterable[str]:
    """Yield test and reason of each skip that is not allowed in CI."""
    for report in reports:
        if not is_allowed(reason(report), more):
            yield f"{report.nodeid}: {reason(report)}"


def write_down(reports: Iterable[Report], path: Path) -> None:
    """Append each reason with the number of its tests to a file that several runs share."""
    counts: dict[str, int] = {}
    for report in reports:
        counts[reason(report)] = counts.get(reason(report), 0) + 1
    name = os.environ.get("TOX_ENV_NAME", "pytest")
    with path.open("a", encoding="utf-8") as file:
        for text, count in sorted(counts.items()):
            file.write(f"{name}: {count} skipped: {text}\n")
