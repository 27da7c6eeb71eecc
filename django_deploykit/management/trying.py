"""Tries a build in the background while ``deploy_check`` runs the other checks."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from django.conf import settings

from django_deploykit.bundle.trial import Trial, try_build
from django_deploykit.checks.finding import Finding
from django_deploykit.checks.process_lines import applications
from django_deploykit.checks.subject import Refusals, Subject
from django_deploykit.errors import DeployKitError
from django_deploykit.project import Project

_SHOWN = 3  # problems of one error
_NAMED = re.compile(r"(?P<path>[\w./-]+):(?P<line>\d+): ")


def start_trial(subject: Subject, checks: Mapping[str, str]) -> Callable[[], Refusals]:
    """Start to try a build in the background. Return the function that waits for its result."""
    pool = ThreadPoolExecutor(1, "trial")
    named, apps = applications(subject.processes), list(settings.INSTALLED_APPS)
    future = pool.submit(_try_build, subject.project, named, apps, checks)
    pool.shutdown(wait=False)
    return future.result


def _try_build(
    project: Project, named: Sequence[str], apps: Sequence[str], checks: Mapping[str, str]
) -> Refusals:
    """Return what each stage refuses, by the number of its check in ``checks``."""
    if project.problems:  # E821 has these
        return Refusals(unknown=dict.fromkeys(checks.values(), "deploykit.ini has mistakes"))
    return as_refusals(try_build(project, named, apps), checks, project)


def as_refusals(trial: Trial, checks: Mapping[str, str], project: Project) -> Refusals:
    """Return what the stages of a build refuse as findings, by the number of the check."""
    found = {checks[stage]: _as_findings(error, project) for stage, error in trial.refused.items()}
    return Refusals(found, {checks[stage]: text for stage, text in trial.unknown.items()})


def _as_findings(error: DeployKitError, project: Project) -> tuple[Finding, ...]:
    """Return an error as one finding, with the place of the first file and line that it names."""
    text, *problems = error.message.split("\n")
    message = " ".join([text, *(one.strip().removeprefix("- ") for one in problems[:_SHOWN])])
    if len(problems) > _SHOWN:
        message += f", and {len(problems) - _SHOWN} more"
    match = _NAMED.search(message)
    inside = match is not None and (project.root / match["path"]).is_file()
    path, line = (match["path"], int(match["line"])) if match and inside else ("", 0)
    return (Finding(message, error.hint.replace("\n", " "), path=path, line=line),)
