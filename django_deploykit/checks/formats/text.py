"""The report for people: each finding with its place and its hint, then a summary."""

from __future__ import annotations

from collections.abc import Iterator

from django_deploykit.checks.runner import CheckReport


def render(report: CheckReport) -> str:
    """Return a line for each finding, for each skip, and for what was not checked; a summary."""
    lines = []
    for one in report.findings:
        where = f"{one.where}: " if one.where else ""
        lines.append(f"{one.level:<7} {one.id}  {where}{one.message}")
        if one.hint:
            lines.append(f"        {one.hint}")
    lines += map(str, report.skipped)
    lines += not_checked_lines(report)
    lines.append(summary(report))
    return "\n".join(lines) + "\n"


def not_checked_lines(report: CheckReport) -> Iterator[str]:
    """Yield a line for each reason why checks that were asked for gave no result."""
    reasons: dict[str, list[str]] = {}
    for one in report.worth_saying:
        reasons.setdefault(one.reason, []).append(one.id)
    for reason, ids in reasons.items():
        yield f"not checked: {', '.join(ids)}: {reason}"


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
