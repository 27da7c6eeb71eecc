"""What was measured: one data file from those of all processes, and a table by room."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.measuring.pythons import PACKAGE

TIERS = ("unit", "integration", "lab")


@dataclass(frozen=True)
class Count:
    """How many lines and branches there are, and how many of them ran."""

    name: str
    lines: int = 0
    ran: int = 0
    branches: int = 0
    taken: int = 0

    def add(self, other: Count) -> Count:
        """Return the sum with another count."""
        return Count(
            self.name,
            self.lines + other.lines,
            self.ran + other.ran,
            self.branches + other.branches,
            self.taken + other.taken,
        )

    @property
    def of_lines(self) -> float:
        """The lines that ran, in percent."""
        return 100 * self.ran / self.lines if self.lines else 100.0

    @property
    def of_branches(self) -> float:
        """The branches that were taken, in percent."""
        return 100 * self.taken / self.branches if self.branches else 100.0


def source_of(path: str) -> str:
    """Return the file of this working copy that a process ran from a site, a bundle or an archive."""
    archive, _, inside = path.rpartition(".pyz/")
    name = inside if archive else path.rpartition("/django_deploykit/")[2]
    return str(PACKAGE / name)


def combine(top: Path) -> Path:
    """Return a data file made from those of all tiers."""
    from coverage import CoverageData
    from coverage.exceptions import CoverageException

    target = top / "coverage"
    target.unlink(missing_ok=True)
    found = CoverageData(str(target))
    for path in sorted(top.glob("*/**/data.*")):
        one = CoverageData(str(path))
        try:
            one.read()
            found.update(one, map_path=source_of)
        except CoverageException:  # its process was killed while it wrote
            continue
    if found.has_arcs():
        found.touch_files([str(one) for one in PACKAGE.rglob("*.py")])  # those that never ran, too
    found.write()
    return target


def analyze(top: Path) -> dict[str, Any]:
    """Combine all data; write and return coverage's JSON report, and write the one for people."""
    from coverage import Coverage

    measured = Coverage(data_file=combine(top), config_file=False, branch=True, messages=False)
    measured.load()
    with (top / "lines.txt").open("w", encoding="utf-8") as file:
        measured.report(show_missing=True, skip_covered=True, file=file)
    measured.json_report(outfile=str(top / "report.json"))
    found = json.loads((top / "report.json").read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def counts(report: dict[str, Any]) -> Iterator[Count]:
    """Yield a count for each file, named by its path below the package."""
    for path, found in report["files"].items():
        one = found["summary"]
        name = path.rpartition("django_deploykit/")[2]
        lines, branches = one["num_statements"], one["num_branches"]
        yield Count(name, lines, one["covered_lines"], branches, one["covered_branches"])


def room(name: str) -> str:
    """Return the room of a file: the folder at the top, in the runtime with the one below."""
    parts = name.split("/")[:-1]
    return "/".join(parts[: 2 if parts[:1] == ["runtime"] else 1]) or "."


def by_room(found: Iterable[Count]) -> list[Count]:
    """Return a count for each room, and the sum of all as the last."""
    rooms: dict[str, Count] = {}
    for one in found:
        name = room(one.name)
        rooms[name] = rooms.get(name, Count(name)).add(one)
    total = Count("all")
    for one in rooms.values():
        total = total.add(one)
    return [*sorted(rooms.values(), key=lambda one: one.name), total]


def table(rows: Iterable[Count]) -> str:
    """Return a table of rooms."""
    lines = [f"{'':22} {'lines':>7} {'ran':>8} {'branches':>9} {'taken':>8}"]
    lines += [
        f"{one.name:22} {one.lines:7} {one.of_lines:7.1f}% {one.branches:9} {one.of_branches:7.1f}%"
        for one in rows
    ]
    return "\n".join(lines)


def problem(total: Count, missing: Iterable[str], lines: float, branches: float) -> str:
    """Return why what was measured is too little, or ""."""
    if tiers := ", ".join(missing):
        return f"nothing was measured in: {tiers}"
    if total.of_lines < lines:
        return f"{total.of_lines:.2f}% of the lines ran; it must be at least {lines}%"
    if total.of_branches < branches:
        return (
            f"{total.of_branches:.2f}% of the branches were taken; it must be at least {branches}%"
        )
    return ""
