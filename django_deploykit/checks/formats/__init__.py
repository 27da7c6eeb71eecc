"""The formats of a report. Each is a module with one function, and a row in ``FORMATS``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django_deploykit.checks.formats import github, gitlab, json, junit, sarif, text
from django_deploykit.checks.runner import CheckReport


@dataclass(frozen=True)
class ReportFormat:
    """How to write a report. CI services expect paths that are relative to the repository."""

    render: Callable[[CheckReport], str]
    repository_paths: bool = True


# In the order of the choices of ``--format``. The first is the default.
FORMATS = {
    "text": ReportFormat(text.render, repository_paths=False),
    "json": ReportFormat(json.render, repository_paths=False),
    "sarif": ReportFormat(sarif.render),
    "junit": ReportFormat(junit.render),
    "github": ReportFormat(github.render),
    "gitlab": ReportFormat(gitlab.render),
}
