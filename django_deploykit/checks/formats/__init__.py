"""The formats of a report: each is a module with one function, and a row in ``FORMATS``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django_deploykit.checks.formats import github, gitlab, json, junit, sarif, text
from django_deploykit.checks.runner import CheckReport


@dataclass(frozen=True)
class Format:
    """How to write a report; CI services expect paths that are relative to the repository."""

    render: Callable[[CheckReport], str]
    repository_paths: bool = True


# In the order of ``--format``; the first is the default.
FORMATS = {
    "text": Format(text.render, repository_paths=False),
    "json": Format(json.render, repository_paths=False),
    "sarif": Format(sarif.render),
    "junit": Format(junit.render),
    "github": Format(github.render),
    "gitlab": Format(gitlab.render),
}
