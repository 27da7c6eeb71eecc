"""GitHub's workflow commands, which annotate the lines of a pull request."""

from __future__ import annotations

from django_deploykit.checks.formats.text import summary
from django_deploykit.checks.runner import CheckReport

_COMMANDS = {"ERROR": "error", "WARNING": "warning", "INFO": "notice"}


def render(report: CheckReport) -> str:
    """Return one command for each finding.

    The most serious findings are first, because GitHub shows only ten of each level.
    """
    lines = []
    for one in report.findings:
        place = [f"file={_quote_property(one.path)}"] if one.path else []
        place += [f"line={one.line}"] if one.line else []
        options = ",".join([*place, f"title={_quote_property(one.id)}"])
        message = f"{one.message}\n{one.hint}" if one.hint else one.message
        lines.append(f"::{_COMMANDS[one.level]} {options}::{_quote(message)}")
    return "".join(line + "\n" for line in [*lines, summary(report)])


def _quote(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _quote_property(value: str) -> str:
    return _quote(value).replace(":", "%3A").replace(",", "%2C")
