"""GitHub's workflow commands, which annotate the lines of a pull request, and a job's summary."""

from __future__ import annotations

from django_deploykit.checks.finding import Finding
from django_deploykit.checks.formats.text import not_checked_lines, summary
from django_deploykit.checks.runner import CheckReport

_COMMANDS = {"ERROR": "error", "WARNING": "warning", "INFO": "notice"}
_MOST = 10  # of each level: GitHub shows no more for a step


def render(report: CheckReport) -> str:
    """Return a command for each finding, and a plain line for those that GitHub would not show.

    The most serious findings are first. :func:`render_summary` has all of them.
    """
    lines = []
    shown = dict.fromkeys(_COMMANDS, 0)
    for one in report.findings:
        shown[one.level] += 1
        lines.append(_command(one) if shown[one.level] <= _MOST else _plain(one))
    more = sum(max(0, count - _MOST) for count in shown.values())
    if more:
        lines.append(f"GitHub shows {_MOST} annotations of a level; {more} more are above")
    lines += map(str, report.skipped)
    lines += not_checked_lines(report)
    return "".join(line + "\n" for line in [*lines, summary(report)])


def render_summary(report: CheckReport) -> str:
    """Return a page in Markdown with every finding, for the summary of the job."""
    lines = ["### deploy_check", "", summary(report), ""]
    if report.findings:
        lines += ["| level | id | where | what is wrong |", "| --- | --- | --- | --- |"]
    for one in report.findings:
        text = f"{one.message} {one.hint}".strip()
        cells = (one.level.lower(), one.id, one.where, text)
        lines.append("| " + " | ".join(map(_cell, cells)) + " |")
    rest = [*map(str, report.skipped), *not_checked_lines(report)]
    if rest:
        lines += ["", *(f"- {_cell(one)}" for one in rest)]
    return "\n".join(lines) + "\n"


def _command(one: Finding) -> str:
    place = [f"file={_quote_property(one.path)}"] if one.path else []
    place += [f"line={one.line}"] if one.line else []
    options = ",".join([*place, f"title={_quote_property(one.id)}"])
    message = f"{one.message}\n{one.hint}" if one.hint else one.message
    return f"::{_COMMANDS[one.level]} {options}::{_quote(message)}"


def _plain(one: Finding) -> str:
    where = f"{one.where}: " if one.where else ""
    return _quote(f"{one.level:<7} {one.id}  {where}{one.message}")


def _quote(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _quote_property(value: str) -> str:
    return _quote(value).replace(":", "%3A").replace(",", "%2C")


def _cell(text: str) -> str:
    plain = " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|")
    return plain.replace("<", "&lt;").replace("`", "\\`")
