"""The steps of ``deploy_check`` between the command line and the checks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings

from django_deploykit.bundle.scratch import interrupts
from django_deploykit.checks.catalogue import TOPICS, Check, catalogue
from django_deploykit.checks.formats import FORMATS, github
from django_deploykit.checks.runner import (
    DJANGO_TAGS,
    CheckReport,
    Choice,
    chosen,
    iter_id_problems,
    matches,
    run_checks,
)
from django_deploykit.checks.server.migrations import read_states
from django_deploykit.checks.server.services import unreachable
from django_deploykit.checks.subject import Subject, git_output, read_subject
from django_deploykit.errors import DeployKitError, Problems
from django_deploykit.preflight import CHECKS, add_refusals
from django_deploykit.project import Project, nearest, production_settings
from django_deploykit.runtime.wire.reader import plain
from django_deploykit.runtime.wire.reports import ReportedDatabase
from django_deploykit.time_limits import NoAnswerError, within

if TYPE_CHECKING:
    from django_deploykit.management.trying import StartTrial

# What a release need not know: its plan has the migrations, and other machines may be slow to answer.
NOT_FOR_RELEASES = ("W404", "W406", "W214", "W510", "W712")


@dataclass(frozen=True)
class Output:
    """A format of the report, and the file that it is written to. None is standard output."""

    format: str
    path: Path | None = None


@dataclass(frozen=True)
class CheckRequest:
    """What the command line asks for."""

    project: Project
    choice: Choice
    outputs: tuple[Output, ...] = (Output("text"),)
    server: bool = False
    ask: str = ""
    migrations: bool = False
    baseline: Path | None = None


def read_outputs(format: str, given: Iterable[str] | Path) -> tuple[Output, ...]:  # noqa: A002 - the option's name
    """Return where to write the report, and in which format, for ``--format`` and ``--output``.

    ``FILE`` is instead of standard output, ``FORMAT=FILE`` in addition to it.
    """
    main, others = Output(format), []
    for word in output_words(given):
        name, equals, file = word.partition("=")
        if equals and name in FORMATS:
            others.append(Output(name, Path(file)))
        elif main.path is None:
            main = Output(format, Path(word))
        else:
            raise DeployKitError(
                f"--output is given twice without a format: {main.path} and {word}",
                "Write --output FORMAT=FILE for more than one file: --output sarif=check.sarif.",
                2,
            )
    return (main, *others)


def check_project(request: CheckRequest) -> CheckReport:
    """Run the requested checks. Raises :class:`DeployKitError` if the request is wrong."""
    known = catalogue()
    validate_choice(request.choice, known)
    if request.migrations and request.outputs[0].format != "json":
        raise DeployKitError("--migrations requires --format json", exit_code=2)
    if request.ask and not request.server:
        raise DeployKitError("--ask requires --server", exit_code=2)
    _validate_urls(request.ask)
    tried = any(chosen(known[f"deploykit.{one}"], request.choice) for one in CHECKS.values())
    subject = read_subject(request.project, server=request.server)
    with _trials() if tried and subject.in_tree else nullcontext() as start:
        own_wheel = _wants_wheel(known, request.choice, subject)
        return _run(request, add_refusals(subject, start, own_wheel=own_wheel), known)


def _wants_wheel(known: Mapping[str, Check], choice: Choice, subject: Subject) -> bool:
    """Whether W845 is wanted: only then the project's build backend runs."""
    one = known[f"deploykit.{CHECKS['wheel']}"]
    skipped = any(skip.id == one.id for skip in subject.skips) or matches(one.id, choice.skip)
    return chosen(one, choice) and not skipped


def _validate_urls(urls: str) -> None:
    from django_deploykit.checks.server.health import parse_request

    for url in urls.split():
        try:
            parse_request(url)
        except ValueError as error:
            raise DeployKitError(f"--ask: {error}", exit_code=2) from None


def _run(request: CheckRequest, subject: Subject, known: Mapping[str, Check]) -> CheckReport:
    validate_skips(subject, known)
    known_before = read_baseline(request.baseline) if request.baseline else frozenset()
    reason = f"the baseline {request.baseline} contains it"
    if not request.migrations:
        report = run_checks(replace(subject, ask=request.ask), request.choice)
        return report.without(known_before, reason)
    states = _read_states(subject)
    # Before a release migrates, pending migrations are expected, and a page may fail because a
    # column is missing.
    unmigrated = any(row.pending for row in states)
    choice = replace(request.choice, skip=(*request.choice.skip, *NOT_FOR_RELEASES))
    hosts = [str(host) for host in settings.ALLOWED_HOSTS]
    report = run_checks(replace(subject, ask=request.ask, unmigrated=unmigrated), choice)
    report = report.without(known_before, reason)
    return replace(report, facts={"allowed_hosts": hosts, "migrations": plain(states)})


def _trials() -> AbstractContextManager[StartTrial]:
    """Return the context in which builds can be tried. Its imports take time."""
    from django_deploykit.management.trying import trials

    return trials()


def _read_states(subject: Subject) -> list[ReportedDatabase]:
    """Return the state of the migrations, or [] if a database cannot be read in time."""
    if unreachable(subject):
        return []
    try:
        return within(subject.limit, read_states)
    except NoAnswerError:
        return []


def output_words(given: Iterable[str] | Path) -> list[str]:
    """Return the words of ``--output``. Python code may give one path instead of a list."""
    return [str(given)] if isinstance(given, (str, Path)) else list(given)


def read_baseline(path: Path) -> frozenset[str]:
    """Return the fingerprints of the findings in a report of the format ``json``."""
    hint = f"Write it: manage.py deploy_check --format json --output {path}"
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["findings"]
        return frozenset(str(one["fingerprint"]) for one in rows)
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
    except (ValueError, KeyError, TypeError):
        problem = "is not a report of deploy_check --format json"
    raise DeployKitError(f"--baseline: {path} {problem}", hint, 2)


def write_outputs(report: CheckReport, request: CheckRequest) -> str:
    """Write the report's files, and return what goes to standard output."""
    texts = []
    for one in request.outputs:
        text = render(report, one.format, request.project.root)
        if one.path is None:
            texts.append(text)
        else:
            _write(one.path, text)
    page = os.environ.get("GITHUB_STEP_SUMMARY")
    if page and any(one.format == "github" for one in request.outputs):
        _write(Path(page), github.render_summary(_located(report, request.project.root)), "a")
    return "".join(texts)


def render(report: CheckReport, name: str, root: Path) -> str:
    """Return the report in a format."""
    chosen = FORMATS[name]
    return chosen.render(_located(report, root) if chosen.repository_paths else report)


def _located(report: CheckReport, root: Path) -> CheckReport:
    """Return the report with paths from the repository."""
    return report.below(_repository_prefix(root))


def _write(path: Path, text: str, mode: str = "w") -> None:
    try:
        with path.open(mode, encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        problem = f"--output: {path} cannot be written: {error.strerror}"
        raise DeployKitError(problem, exit_code=2) from None


def exit_code(report: CheckReport) -> int:
    """Return 2 if a check could not run, 1 if the report fails, else 0."""
    return 2 if report.incomplete else int(report.failed)


def _repository_prefix(root: Path) -> str:
    """Return the project's folder in the repository with a slash at the end, or an empty string."""
    return (git_output(root, "rev-parse", "--show-prefix") or "").strip()


def validate_choice(choice: Choice, known: Mapping[str, Check]) -> None:
    """Raise :class:`Problems` for unknown ids and tags, as a typo would check nothing."""
    problems = list(iter_id_problems((*choice.only, *choice.skip), known))
    tags = (*TOPICS, *DJANGO_TAGS)
    problems += [
        f"{tag} is not a tag{nearest(tag, tags)}" for tag in choice.tags if tag not in tags
    ]
    if problems:
        hint = "List the checks: manage.py deploy_check --list."
        raise Problems("nothing was checked:", problems, hint, 2)


def validate_skips(subject: Subject, known: Mapping[str, Check]) -> None:
    """Raise :class:`Problems` for skips in deploykit.ini that skip nothing."""
    problems = [
        f"{skip.where}: skip: {problem}"
        for skip in subject.skips
        for problem in iter_id_problems([skip.id], known)
    ]
    if problems:
        raise Problems("deploykit.ini has mistakes:", problems, exit_code=2)


def list_checks(known: Iterable[Check]) -> list[str]:
    """Return a line for each check."""
    lines = [
        f"{one.id}  {one.tag:<11} {one.title}{'  (with --server)' if one.server else ''}"
        for one in known
    ]
    return [*lines, f"{len(lines)} checks, beside Django's own"]


def explain_check(known: Mapping[str, Check], key: str) -> str:
    """Return the explanation of a check. Raises :class:`DeployKitError` for an unknown one."""
    found = next((one for one in known.values() if matches(one.id, [key])), None)
    if found is None:
        names = [*known, *(one.number for one in known.values())]
        raise DeployKitError(
            f"{key} is not one of our checks{nearest(key, names)}",
            "List them: manage.py deploy_check --list. Django's documentation explains its own.",
            2,
        )
    lines = [
        f"{found.id}: {found.title}",
        "",
        found.text,
        "",
        f"Topic {found.tag}, level {found.level}{', only with --server' if found.server else ''}.",
        f"To skip it, write [check] skip = {found.number} REASON in deploykit.ini.",
    ]
    return "\n".join(lines)


def other_settings(project: Project) -> dict[str, str]:
    """Return the variables that choose the production settings if others are loaded, else {}."""
    module = getattr(settings, "SETTINGS_MODULE", "")
    loaded = {**os.environ, "DJANGO_SETTINGS_MODULE": module}
    return production_settings(project, loaded) if module else {}


def check_with_settings(
    variables: Mapping[str, str], root: Path, words: Iterable[str]
) -> tuple[str, int]:
    """Run ``deploy_check`` with other settings; return its output and its exit code.

    It runs in its own process, because Django only loads settings once (see decision 0038). It
    imports from the same folders as this process, because manage.py may have added some.
    """
    name = variables["DJANGO_SETTINGS_MODULE"]
    argv = [sys.executable, "-m", "django_deploykit", "deploy_check", "--settings", name, *words]
    path = os.pathsep.join(filter(None, sys.path))
    environ = {**os.environ, **variables, "PYTHONPATH": path}
    with (
        interrupts(),
        subprocess.Popen(argv, cwd=root, env=environ, stdout=subprocess.PIPE, text=True) as process,
    ):
        try:
            text, _ = process.communicate()
        except BaseException:
            process.terminate()  # it removes its temporary folders
            process.wait()
            raise
    return text, process.returncode if process.returncode in (0, 1) else 2
