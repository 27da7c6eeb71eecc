"""The gate: runs Django's deploy checks and ours, and decides what counts."""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core import checks as django_checks

from django_deploykit.checks.catalogue import LEVELS, Check, Finding, catalogue
from django_deploykit.checks.subject import Skip, Subject, Topology, project_folder, read_subject
from django_deploykit.errors import Problems
from django_deploykit.project import nearest, read_project

# Django only warns of these; a site that goes live with one of them is broken or open.
PROMOTED = ("security.W009", "security.W018", "security.W020")
# What Django warns of and ours say with a place, or with the topology in mind.
COVERED = {
    "security.W009": "deploykit.E102",
    "security.W018": "deploykit.E101",
    "mail.E001": "deploykit.E701",
    "security.W021": "deploykit.W211",  # preloading is for few sites, and hard to take back
}
_WITHOUT_TLS = (
    "security.W004",
    "security.W005",
    "security.W008",
    "security.W012",
    "security.W016",
    "security.W010",
    "security.W011",
    "security.W015",
    "security.W021",
)
_HSTS = ("security.W004", "security.W005", "security.W021")


@dataclass(frozen=True)
class Choice:
    """What the command line chooses; ``only`` and ``skip`` are ids or their beginnings."""

    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    fail_level: str = "ERROR"


@dataclass(frozen=True)
class Report:
    """What was found, what was left out and why, and how many checks ran."""

    findings: tuple[Finding, ...]
    skipped: tuple[str, ...]
    ran: int
    fail_level: str

    @property
    def failed(self) -> bool:
        """Whether a finding is at or above the level."""
        least = LEVELS.index(self.fail_level)
        return any(LEVELS.index(one.level) >= least for one in self.findings)


def matches(key: str, patterns: Iterable[str]) -> bool:
    """Whether an id is meant: in full, without ``deploykit.``, or by its beginning.

    >>> matches("deploykit.E101", ["E101"]), matches("security.W004", ["security"])
    (True, True)
    """
    short = key.removeprefix("deploykit.")
    return any(
        key == one or short == one or key.startswith(one.rstrip(".") + ".") for one in patterns
    )


def chosen(every: Iterable[Check], choice: Choice, *, server: bool) -> list[Check]:
    """Return the checks to run."""
    return [
        one
        for one in every
        if (server or not one.server)
        and (not choice.only or matches(one.id, choice.only))
        and (not choice.tags or one.tag in choice.tags)
        and not matches(one.id, choice.skip)
    ]


def run(subject: Subject, choice: Choice) -> Report:
    """Run everything that is chosen."""
    own = chosen(catalogue().values(), choice, server=subject.server)
    silenced = set(settings.SILENCED_SYSTEM_CHECKS)
    findings = [found for one in own if one.id not in silenced for found in one.run(subject)]
    if not choice.tags or set(choice.tags) & {"django", "security"}:
        tags = None if not choice.tags or "django" in choice.tags else ["security"]
        findings += [
            one
            for one in _djangos(subject, tags)
            if (not choice.only or matches(one.id, choice.only))
            and not matches(one.id, choice.skip)
        ]
    kept, skipped = apply_skips(findings, subject.skips, _today())
    return Report(tuple(ordered(kept)), tuple(skipped), len(own), choice.fail_level)


def _djangos(subject: Subject, tags: list[str] | None = None) -> list[Finding]:
    """Run all checks of Django and of installed apps, or those of a tag, but for ours."""
    found = []
    for message in django_checks.run_checks(tags=tags, include_deployment_checks=True):
        key = message.id or ""
        if message.is_silenced() or key.startswith("deploykit."):
            continue
        if key not in unneeded(subject.topology) and key not in COVERED:
            found.append(placed(converted(message), subject))
    return found


def placed(finding: Finding, subject: Subject) -> Finding:
    """Return Django's finding with the place of the first setting that it names and the project sets."""
    for word in re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", finding.message):
        path, line = subject.place(word)
        if path:
            return replace(finding, path=path, line=line)
    return finding


def unneeded(topology: Topology) -> tuple[str, ...]:
    """Return Django's ids that make no sense for a site that stands like this."""
    if topology.tls == "none":
        return _WITHOUT_TLS
    if topology.hsts == "proxy":
        return _HSTS
    return ()


def converted(message: Any) -> Finding:
    """Return Django's message as a finding."""
    key = message.id or "django"
    level = "ERROR" if message.level >= django_checks.ERROR else "INFO"
    if message.level == django_checks.WARNING:
        level = "ERROR" if key in PROMOTED else "WARNING"
    text = str(message.msg)
    if message.obj is not None:
        text = f"{_named(message.obj)}: {text}"
    return Finding(key, level, text, str(message.hint or ""))


def _named(obj: Any) -> str:
    meta = getattr(obj, "_meta", None)
    return str(meta.label) if meta is not None and hasattr(meta, "label") else str(obj)


def ordered(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings, the worst first."""
    return sorted(findings, key=lambda one: (-LEVELS.index(one.level), one.id, one.path, one.line))


def apply_skips(
    findings: Sequence[Finding], skips: Sequence[Skip], today: str
) -> tuple[list[Finding], list[str]]:
    """Return what stays, and a line for each that is left out."""
    active = {skip.id: skip for skip in skips if not skip.until or skip.until >= today}
    kept, left = [], []
    for one in findings:
        skip = next((skip for key, skip in active.items() if matches(one.id, [key])), None)
        if skip is None:
            kept.append(one)
        else:
            left.append(f"{one.id} skipped: {skip.reason}")
    return kept, left


def unknown_ids(keys: Iterable[str], known: Iterable[str]) -> list[str]:
    """Return what is wrong with ids that somebody wrote: a typo would check or leave out nothing.

    Django's and other apps' ids cannot be listed; their first word must be one that reports any.
    """
    ours = list(known)
    names = [*ours, *(one.removeprefix("deploykit.") for one in ours)]
    labels = {*_LABELS, *(config.label for config in apps.get_app_configs())}
    problems = []
    for key in keys:
        label, dot, number = key.partition(".")
        if any(matches(one, [key]) for one in ours):
            continue
        if label in labels and label != "deploykit" and (not dot or _NUMBER.fullmatch(number)):
            continue
        problems.append(f"{key} is no check{nearest(key, [*names, *labels])}")
    return problems


_NUMBER = re.compile(r"[A-Z]+\d{3}")
# First words of the ids of Django's own checks that are no app's label.
_LABELS = (
    "4_0", "async", "caches", "commands", "compatibility", "database", "databases", "files", "fields", "mail",
    "models", "mysql", "oracle", "postgres", "security", "signals", "tasks", "templates", "translation",
    "urls",
)  # fmt: skip


def _today() -> str:
    return datetime.datetime.now(tz=datetime.timezone.utc).date().isoformat()


def registered(
    judged: Callable[[Subject], Subject], **options: Any
) -> list[django_checks.CheckMessage]:
    """Return our findings as Django's messages, for ``check --deploy``.

    ``judged`` adds to the subject what ``bundle`` and ``release`` would refuse.
    """
    if _gate_is_running():
        return []
    known = catalogue()
    try:
        subject = judged(read_subject(read_project(project_folder())))
        problems = unknown_ids((skip.id for skip in subject.skips), known)
    except Problems as error:
        problems = list(error.problems)
        subject = Subject(Path.cwd())
    own = chosen(known.values(), Choice(), server=False)
    findings = [found for one in own for found in one.run(subject)]
    findings += [Finding("deploykit.E800", "ERROR", f"deploykit.ini: {one}") for one in problems]
    remaining, _skipped = apply_skips(findings, subject.skips, _today())
    return [_as_message(one) for one in ordered(remaining)]


def _gate_is_running() -> bool:
    return os.environ.get("_DEPLOYKIT_GATE") == "1"


def _as_message(finding: Finding) -> django_checks.CheckMessage:
    levels = {
        "INFO": django_checks.INFO,
        "WARNING": django_checks.WARNING,
        "ERROR": django_checks.ERROR,
    }
    text = f"{finding.message} ({finding.where})" if finding.where else finding.message
    return django_checks.CheckMessage(
        levels[finding.level], text, hint=finding.hint or None, id=finding.id
    )
