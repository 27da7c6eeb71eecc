"""What ``deploy_check`` does between the command line and the checks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from django_deploykit.checks import gate, report
from django_deploykit.checks.catalogue import TOPICS, Check
from django_deploykit.checks.subject import read_subject
from django_deploykit.errors import DeployKitError, Problems
from django_deploykit.project import nearest


def check(known: Mapping[str, Check], options: Mapping[str, Any]) -> tuple[str, bool]:
    """Run the chosen checks; returns the report's text and whether it fails."""
    choice = gate.Choice(
        tuple(options["only"]), tuple(options["skip"]), tuple(options["tag"]), options["fail_level"]
    )
    judge_choice(choice, known)
    if options["migrations"] and options["format"] != "json":
        raise DeployKitError("--migrations needs --format json", exit_code=2)
    subject = read_subject(Path.cwd(), server=options["server"])
    if options["migrations"]:  # told as facts: before a release they are no problem
        choice = gate.Choice(
            choice.only, (*choice.skip, "W404", "W406"), choice.tags, choice.fail_level
        )
    result = gate.run(subject, choice)
    ran = gate.chosen(known.values(), choice, server=subject.server)
    if options["format"] == "json":
        return report.as_json(result, ran, _facts(options)), result.failed
    return report.FORMATS[options["format"]](result, ran), result.failed


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


def judge_choice(choice: gate.Choice, known: Mapping[str, Check]) -> None:
    """Refuse ids and tags that do not exist: a typo would check nothing."""
    problems = []
    for key in (*choice.only, *choice.skip):
        ours = key.startswith("deploykit.") or (key[:1] in "EWI" and key[1:].isdigit())
        if ours and not any(gate.matches(one, [key]) for one in known):
            problems.append(f"{key} is no check{nearest(key, _names(known))}")
    tags = (*TOPICS, "django", "security")
    problems += [f"{tag} is no tag{nearest(tag, tags)}" for tag in choice.tags if tag not in tags]
    if problems:
        raise Problems("nothing was checked:", problems, "See manage.py deploy_check --list.", 2)


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
    found = next((one for one in known.values() if gate.matches(one.id, [key])), None)
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
