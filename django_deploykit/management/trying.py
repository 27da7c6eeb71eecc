"""Tries a build in the background while ``deploy_check`` runs the other checks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from django.conf import settings

from django_deploykit.bundle.scratch import interrupts
from django_deploykit.bundle.subprocesses import Stopper
from django_deploykit.bundle.trial import Trial, try_build
from django_deploykit.checks.finding import Finding
from django_deploykit.checks.process_lines import applications
from django_deploykit.checks.subject import Refusals, Subject
from django_deploykit.errors import DeployKitError
from django_deploykit.project import Project

StartTrial = Callable[[Subject, Mapping[str, str]], Callable[[], Refusals]]
_SHOWN = 3  # problems of one error
_NAMED = re.compile(r"(?P<path>[\w./-]+):(?P<line>\d+): ")


@contextmanager
def trials() -> Iterator[StartTrial]:
    """Yield :func:`start_trial`. The end of the block also ends a trial, for example after Ctrl-C."""
    stopper = Stopper()
    with interrupts():
        try:
            yield partial(start_trial, stopper=stopper)
        finally:
            stopper.stop()


def start_trial(
    subject: Subject, checks: Mapping[str, str], stopper: Stopper | None = None
) -> Callable[[], Refusals]:
    """Start to try a build in the background. Return the function that waits for its result.

    The result has what each stage refuses, by the number of its check in ``checks``.
    """
    project, apps = subject.project, list(settings.INSTALLED_APPS)
    folders = settings_folders() if checks.get("wheel") else None

    def work() -> Refusals:
        if project.problems:  # E821 has these
            return Refusals(unknown=dict.fromkeys(checks.values(), "deploykit.ini has mistakes"))
        named = applications(subject.processes)
        trial = try_build(project, named, apps, stopper=stopper, folders=folders)
        return as_refusals(trial, checks, project)

    pool = ThreadPoolExecutor(1, "trial")
    future = pool.submit(work)
    pool.shutdown(wait=False)
    return future.result


def settings_folders() -> list[Path]:
    """Return the folders of templates, static files, translations and data that the settings name."""
    templates = [path for one in settings.TEMPLATES for path in one.get("DIRS", ())]
    static = [
        one[1] if isinstance(one, (list, tuple)) else one for one in settings.STATICFILES_DIRS
    ]
    return [
        Path(one) for one in (*templates, *static, *settings.LOCALE_PATHS, *settings.FIXTURE_DIRS)
    ]


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
    if match and inside:  # every format shows the place of a finding
        message = message[: match.start()] + message[match.end() :]
    return (Finding(message, error.hint.replace("\n", " "), path=path, line=line),)
