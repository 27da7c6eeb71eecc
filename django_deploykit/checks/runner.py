"""The runner, which chooses checks, runs them, and leaves out skipped findings."""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage

from django_deploykit.checks.catalogue import Check, catalogue
from django_deploykit.checks.django_messages import django_findings, to_message
from django_deploykit.checks.finding import LEVELS, Finding
from django_deploykit.checks.options import Skip
from django_deploykit.checks.subject import Subject, find_root, read_subject
from django_deploykit.errors import Problems
from django_deploykit.project import nearest, read_project

# Tags in addition to the topics: all of Django's own checks, or only its security checks.
DJANGO_TAGS = ("django", "security")
_NUMBER = re.compile(r"[A-Z]+\d{3}")
# First parts of the ids of Django's own checks, if they are not the label of an app.
_LABELS = (
    "4_0", "async", "caches", "commands", "compatibility", "database", "databases", "files", "fields", "mail",
    "models", "mysql", "oracle", "postgres", "security", "signals", "tasks", "templates", "translation",
    "urls",
)  # fmt: skip


@dataclass(frozen=True)
class Choice:
    """What to run, and the level at which a report fails. ``only`` and ``skip`` are patterns."""

    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    fail_level: str = "ERROR"

    def includes(self, key: str) -> bool:
        """Whether the patterns let a check with this id run."""
        return not matches(key, self.skip) and (not self.only or matches(key, self.only))


@dataclass(frozen=True)
class CheckReport:
    """The findings, what was skipped and why, and which of our checks ran.

    ``facts`` is what a release needs in addition to findings. Only the format ``json`` shows it.
    """

    findings: tuple[Finding, ...]
    skipped: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    fail_level: str = "ERROR"
    facts: Mapping[str, object] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        """Whether a finding reaches the level at which the report fails."""
        return any(one.reaches(self.fail_level) for one in self.findings)

    def below(self, prefix: str) -> CheckReport:
        """Return the report with ``prefix`` before each relative path."""
        moved = (
            replace(one, path=prefix + one.path)
            if one.path and not os.path.isabs(one.path)
            else one
            for one in self.findings
        )
        return replace(self, findings=tuple(moved))


def matches(key: str, patterns: Iterable[str]) -> bool:
    """Whether a pattern is the id, the id without ``deploykit.``, or its first part.

    >>> matches("deploykit.E101", ["E101"]), matches("security.W004", ["security"])
    (True, True)
    """
    short = key.removeprefix("deploykit.")
    return any(
        key == one or short == one or key.startswith(one.rstrip(".") + ".") for one in patterns
    )


def select_checks(every: Iterable[Check], choice: Choice, *, server: bool) -> list[Check]:
    """Return the checks to run."""
    return [
        one
        for one in every
        if (server or not one.server)
        and (not choice.tags or one.tag in choice.tags)
        and choice.includes(one.id)
    ]


def run_checks(subject: Subject, choice: Choice) -> CheckReport:
    """Run the chosen checks, ours and Django's."""
    checks = select_checks(catalogue().values(), choice, server=subject.server)
    silenced = set(settings.SILENCED_SYSTEM_CHECKS)
    findings = [found for one in checks if one.id not in silenced for found in one.run(subject)]
    if not choice.tags or set(choice.tags) & set(DJANGO_TAGS):
        tags = () if not choice.tags or "django" in choice.tags else ("security",)
        findings += [one for one in django_findings(subject, tags) if choice.includes(one.id)]
    kept, skipped = apply_skips(findings, subject.skips, _today())
    return CheckReport(tuple(sort_findings(kept)), tuple(skipped), tuple(checks), choice.fail_level)


def sort_findings(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings, the most serious first."""
    return sorted(findings, key=lambda one: (-LEVELS.index(one.level), one.id, one.path, one.line))


def apply_skips(
    findings: Sequence[Finding], skips: Sequence[Skip], today: str
) -> tuple[list[Finding], list[str]]:
    """Return the findings that remain, and a line for each that is skipped."""
    active = {skip.id: skip for skip in skips if not skip.until or skip.until >= today}
    kept, skipped = [], []
    for one in findings:
        skip = next((skip for key, skip in active.items() if matches(one.id, [key])), None)
        if skip is None:
            kept.append(one)
        else:
            skipped.append(f"{one.id} skipped: {skip.reason}")
    return kept, skipped


def iter_id_problems(keys: Iterable[str], known: Iterable[str]) -> Iterator[str]:
    """Yield what is wrong with ids that a person wrote, because a typo would match nothing.

    The ids of Django and other apps cannot be listed, but their first part must be known.
    """
    ours = list(known)
    labels = {*_LABELS, *(config.label for config in apps.get_app_configs())}
    names = [*ours, *(one.removeprefix("deploykit.") for one in ours), *labels]
    for key in keys:
        label, dot, number = key.partition(".")
        if any(matches(one, [key]) for one in ours):
            continue
        if label in labels and label != "deploykit" and (not dot or _NUMBER.fullmatch(number)):
            continue
        yield f"{key} is not the id of a check{nearest(key, names)}"


def _today() -> str:
    return datetime.datetime.now(tz=datetime.timezone.utc).date().isoformat()


def deploy_messages(add_refusals: Callable[[Subject], Subject]) -> list[CheckMessage]:
    """Return our findings as Django's messages, for ``check --deploy``.

    ``add_refusals`` returns the subject with what ``bundle`` and ``release`` would refuse.
    """
    known = catalogue()
    project = read_project(find_root())
    try:
        subject = add_refusals(read_subject(project))
        problems = list(iter_id_problems((skip.id for skip in subject.skips), known))
    except Problems as error:
        subject, problems = Subject(project), list(error.problems)
    checks = select_checks(known.values(), Choice(), server=False)
    findings = [found for one in checks for found in one.run(subject)]
    findings += [
        Finding(f"deploykit.ini: {one}", id="deploykit.E800", level="ERROR") for one in problems
    ]
    kept, _ = apply_skips(findings, subject.skips, _today())
    return [to_message(one) for one in sort_findings(kept)]
