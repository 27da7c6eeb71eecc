"""The report for people: each finding with its place and its hint, then a summary."""

from __future__ import annotations

from django_deploykit.checks.runner import CheckReport


def render(report: CheckReport) -> str:
    """Return a line for each finding and for each skip, and then the summary."""
    lines = []
    for one in report.findings:
        where = f"{one.where}: " if one.where else ""
        lines.append(f"{one.level:<7} {one.id}  {where}{one.message}")
        if one.hint:
            lines.append(f"        {one.hint}")
    lines += report.skipped
    lines.append(summary(report))
    return "\n".join(lines) + "\n"


def summary(report: CheckReport) -> str:
    """Return the number of findings of each level, and whether the report fails."""
    if not report.findings:
        return f"no problems found by {len(report.checks)} checks and Django's own"
    counts = []
    for level, word in (("ERROR", "error"), ("WARNING", "warning"), ("INFO", "note")):
        number = sum(one.level == level for one in report.findings)
        if number:
            counts.append(f"{number} {word}{'s' if number > 1 else ''}")
    end = "not fit for production" if report.failed else "nothing that stops a release"
    return f"{', '.join(counts)}: {end}"
