"""What ``deploy_check`` does between the command line and the checks."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from django_deploykit.checks import formats, runner
from django_deploykit.checks.catalogue import TOPICS, Check
from django_deploykit.checks.subject import Subject, read_subject
from django_deploykit.errors import DeployKitError, Problems
from django_deploykit.preflight import judged
from django_deploykit.project import Project, default_settings, nearest


def check(
    project: Project, known: Mapping[str, Check], options: Mapping[str, Any]
) -> tuple[str, bool]:
    """Run the chosen checks; returns the report's text and whether it fails."""
    choice = runner.Choice(
        tuple(options["only"]), tuple(options["skip"]), tuple(options["tag"]), options["fail_level"]
    )
    judge_choice(choice, known)
    if options["migrations"] and options["format"] != "json":
        raise DeployKitError("--migrations needs --format json", exit_code=2)
    subject = judged(read_subject(project, server=options["server"]))
    judge_skips(subject, known)
    facts = _facts(options)
    if options["migrations"]:  # told as facts: before a release they are no problem
        choice = runner.Choice(
            choice.only, (*choice.skip, "W404", "W406"), choice.tags, choice.fail_level
        )
    # Before its migrations a page may fail for want of a column.
    waiting = any(row["pending"] for row in facts.get("migrations", ()))
    subject = replace(subject, ask="" if waiting else options["ask"])
    result = runner.run(subject, choice)
    ran = runner.chosen(known.values(), choice, server=subject.server)
    if options["format"] == "text":
        return formats.text(result, ran), result.failed
    if options["format"] == "json":
        return formats.as_json(result, ran, facts), result.failed
    return formats.FORMATS[options["format"]](
        in_repository(result, subject.root), ran
    ), result.failed


def in_repository(result: runner.Report, root: Path) -> runner.Report:
    """Return a report whose paths start where the repository does, as CI services want them."""
    try:
        done = subprocess.run(
            ["git", "-C", str(root), "rev-parse", "--show-prefix"], capture_output=True, text=True
        )
        start = done.stdout.strip() if done.returncode == 0 else ""
    except OSError:
        start = ""
    found = (
        replace(one, path=start + one.path) if one.path and not os.path.isabs(one.path) else one
        for one in result.findings
    )
    return replace(result, findings=tuple(found))


def _facts(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a release asks beside the findings."""
    if not options["migrations"]:
        return {}
    from django.conf import settings

    from django_deploykit.checks.migrations import migration_states

    try:
        states = migration_states()
    except Exception:  # noqa: BLE001 - E403 tells what is wrong with the database
        states = []
    return {"allowed_hosts": [str(host) for host in settings.ALLOWED_HOSTS], "migrations": states}


def judge_choice(choice: runner.Choice, known: Mapping[str, Check]) -> None:
    """Refuse ids and tags that do not exist: a typo would check nothing."""
    problems = runner.unknown_ids((*choice.only, *choice.skip), known)
    tags = (*TOPICS, "django", "security")
    problems += [f"{tag} is no tag{nearest(tag, tags)}" for tag in choice.tags if tag not in tags]
    if problems:
        raise Problems("nothing was checked:", problems, "See manage.py deploy_check --list.", 2)


def judge_skips(subject: Subject, known: Mapping[str, Check]) -> None:
    """Refuse skips of deploykit.ini that leave nothing out."""
    problems = [
        f"{skip.where}: skip: {problem}"
        for skip in subject.skips
        for problem in runner.unknown_ids([skip.id], known)
    ]
    if problems:
        raise Problems("deploykit.ini has mistakes:", problems, exit_code=2)


def _names(known: Iterable[str]) -> list[str]:
    return [*known, *(one.removeprefix("deploykit.") for one in known)]


def listing(known: Mapping[str, Check]) -> list[str]:
    """Return a line for each check."""
    lines = []
    for one in known.values():
        where = "  (with --server)" if one.server else ""
        lines.append(f"{one.id}  {one.tag:<10} {one.title}{where}")
    return [*lines, f"{len(lines)} checks, beside Django's own"]


def explanation(known: Mapping[str, Check], key: str) -> str:
    """Return what a check is for."""
    found = next((one for one in known.values() if runner.matches(one.id, [key])), None)
    if found is None:
        guess = nearest(key, _names(known))
        raise DeployKitError(
            f"{key} is no check of ours{guess}",
            "See --list; Django's own are in its documentation.",
            2,
        )
    lines = [f"{found.id}: {found.title}", "", found.text or "", ""]
    lines.append(
        f"Topic {found.tag}, level {found.level}{', only with --server' if found.server else ''}."
    )
    lines.append(
        f"Leave it out, with a reason, by [check] skip = {found.id.removeprefix('deploykit.')} REASON in deploykit.ini."
    )
    return "\n".join(lines)


def other_settings(project: Project, asked: str | None) -> str:
    """Return the settings that production has, where others were loaded by default; "" otherwise.

    manage.py often names those for development, wsgi.py or ``[project] settings`` the others.
    """
    from django.conf import settings

    loaded = getattr(settings, "SETTINGS_MODULE", "")
    if asked or not loaded or loaded != default_settings(project.root):
        return ""  # somebody chose
    return project.settings if project.settings != loaded else ""


_AGAIN = """
import os, runpy, sys
from django_deploykit.conf.errors import show_without_traceback
sys.argv = sys.argv[1:]
show_without_traceback(sys.argv[1:])
if os.path.basename(sys.argv[0]) != "__main__.py":
    sys.path.insert(0, os.path.dirname(os.path.abspath(sys.argv[0])))
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def check_again(settings: str, argv: Sequence[str]) -> None:
    """Run this command in place of itself with other settings."""
    sys.stdout.flush()
    sys.stderr.flush()
    environ = {**os.environ, "DJANGO_SETTINGS_MODULE": settings}
    os.execve(sys.executable, [sys.executable, "-c", _AGAIN, *argv], environ)  # noqa: S606 - no shell is wanted
