"""The steps of ``deploy_check`` between the command line and the checks."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from django.conf import settings

from django_deploykit.checks.catalogue import TOPICS, Check, catalogue
from django_deploykit.checks.formats import FORMATS
from django_deploykit.checks.runner import (
    DJANGO_TAGS,
    CheckReport,
    Choice,
    iter_id_problems,
    matches,
    run_checks,
)
from django_deploykit.checks.server.migrations import read_states
from django_deploykit.checks.subject import Subject, read_subject
from django_deploykit.errors import DeployKitError, Problems
from django_deploykit.preflight import add_refusals
from django_deploykit.project import Project, default_settings, nearest
from django_deploykit.runtime.wire.reader import plain


@dataclass(frozen=True)
class CheckRequest:
    """What the command line asks for."""

    project: Project
    choice: Choice
    format: str = "text"
    server: bool = False
    ask: str = ""
    migrations: bool = False


def check_project(request: CheckRequest) -> CheckReport:
    """Run the requested checks. Raises :class:`DeployKitError` if the request is wrong."""
    known = catalogue()
    validate_choice(request.choice, known)
    if request.migrations and request.format != "json":
        raise DeployKitError("--migrations requires --format json", exit_code=2)
    subject = add_refusals(read_subject(request.project, server=request.server))
    validate_skips(subject, known)
    if not request.migrations:
        return run_checks(replace(subject, ask=request.ask), request.choice)
    states = read_states()
    # Before a release migrates, pending migrations are expected, and a page may fail because a
    # column is missing.
    ask = "" if any(row.pending for row in states) else request.ask
    choice = replace(request.choice, skip=(*request.choice.skip, "W404", "W406"))
    hosts = [str(host) for host in settings.ALLOWED_HOSTS]
    report = run_checks(replace(subject, ask=ask), choice)
    return replace(report, facts={"allowed_hosts": hosts, "migrations": plain(states)})


def render(report: CheckReport, request: CheckRequest) -> str:
    """Return the report in the requested format."""
    chosen = FORMATS[request.format]
    prefix = _repository_prefix(request.project.root) if chosen.repository_paths else ""
    return chosen.render(report.below(prefix))


def _repository_prefix(root: Path) -> str:
    """Return the project's folder in the repository with a slash at the end, or an empty string."""
    try:
        done = subprocess.run(
            ["git", "-C", str(root), "rev-parse", "--show-prefix"], capture_output=True, text=True
        )
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


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


def other_settings(project: Project) -> str:
    """Return the production settings if others are loaded by default, else an empty string.

    manage.py often names development settings. wsgi.py or ``[project] settings`` name those for
    production.
    """
    loaded = getattr(settings, "SETTINGS_MODULE", "")
    if not loaded or loaded != default_settings(project.root):
        return ""  # the user chose other settings
    return project.settings if project.settings != loaded else ""


def check_with_settings(name: str, root: Path, words: Iterable[str]) -> tuple[str, bool]:
    """Run ``deploy_check`` with other settings; return its report and whether it failed.

    It runs in its own process, because Django only loads settings once (see decision 0038). It
    imports from the same folders as this process, because manage.py may have added some.
    """
    argv = [sys.executable, "-m", "django_deploykit", "deploy_check", "--settings", name, *words]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    environ["DJANGO_SETTINGS_MODULE"] = name
    done = subprocess.run(argv, cwd=root, env=environ, stdout=subprocess.PIPE, text=True)
    if done.returncode not in (0, 1) or not done.stdout:
        raise SystemExit(2)  # its error is on standard error
    return done.stdout, done.returncode == 1
