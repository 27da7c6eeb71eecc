"""The report of ``deploy_check`` on a project that does not start: nothing could be checked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from django.core.management.base import CommandError

from django_deploykit.checks.attempts import BROKEN, COULD_NOT_RUN
from django_deploykit.checks.catalogue import catalogue
from django_deploykit.checks.finding import Finding, NotChecked
from django_deploykit.checks.runner import CheckReport, Choice
from django_deploykit.conf.errors import ConfigError
from django_deploykit.conf.start_failure import StartFailure
from django_deploykit.management.checking import (
    CheckRequest,
    Output,
    read_outputs,
    write_outputs,
)
from django_deploykit.management.commands.deploy_check import Command
from django_deploykit.management.console import run_command
from django_deploykit.preflight import place_problems
from django_deploykit.project import nearest_root, read_project, starting_folder


def report_unchecked(argv: Sequence[str], error: BaseException, failure: StartFailure) -> None:
    """Write the reports that a command line asks for. People have read the error already."""
    try:
        options = vars(Command().create_parser(argv[0], argv[1]).parse_args(list(argv[2:])))
    except CommandError:  # they are wrong too
        return
    start = starting_folder(argv[0], Path.cwd())
    root = nearest_root(start) or start
    report = unchecked(findings(error, failure, root), str(failure.what))

    def write() -> int:
        outputs = read_outputs(options["format"], options["output"])
        wanted = tuple(one for one in outputs if one != Output("text"))
        request = CheckRequest(read_project(root), Choice(), wanted)
        print(write_outputs(report, request), end="")
        return 0

    run_command(write)


def findings(error: BaseException, failure: StartFailure, root: Path) -> Iterable[Finding]:
    """Return a finding for each problem of the configuration, or one for the failure."""
    if isinstance(error, ConfigError):
        return list(place_problems(error.problems, root))
    path = str(Path(failure.path).absolute())
    place = failure.path if not path.startswith(f"{root}/") else path.removeprefix(f"{root}/")
    message = f"{failure.what}: {failure.reason}"
    return [Finding(message, failure.hint, path=place, line=failure.line)]


def unchecked(found: Iterable[Finding], reason: str) -> CheckReport:
    """Return the report: the findings, and all of our checks as not checked."""
    rows = [replace(one, id=COULD_NOT_RUN, level="ERROR") for one in found]
    known = [NotChecked(one.id, f"{BROKEN}{reason}") for one in catalogue().values()]
    return CheckReport(tuple(rows), not_checked=tuple(known))
