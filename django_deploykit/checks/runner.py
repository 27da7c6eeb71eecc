"""The runner, which chooses checks, runs them, and leaves out skipped findings."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage

from django_deploykit.checks.attempts import (
    BROKEN,
    COULD_NOT_RUN,
    NEEDS_SERVER,
    ON_REQUEST,
    Attempts,
)
from django_deploykit.checks.catalogue import Check, catalogue
from django_deploykit.checks.django_messages import add_place, iter_django_checks, to_message
from django_deploykit.checks.finding import LEVELS, Finding, NotChecked, Skipped
from django_deploykit.checks.offline import no_connections
from django_deploykit.checks.options import Skip
from django_deploykit.checks.subject import Subject, find_root, read_subject, today
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
    """The findings, what was skipped and why, and which of our checks gave a result.

    A check is in one of three states: it is in ``checks`` without findings and passed, it has
    findings and failed, or it is in ``not_checked``, with the reason.
    ``folder`` is the project's folder in the repository, with a slash at the end, if paths start
    there. ``facts`` is what a release needs in addition to findings. Only the format ``json`` shows it.
    """

    findings: tuple[Finding, ...]
    skipped: tuple[Skipped, ...] = ()
    checks: tuple[Check, ...] = ()
    fail_level: str = "ERROR"
    facts: Mapping[str, object] = field(default_factory=dict)
    not_checked: tuple[NotChecked, ...] = ()
    folder: str = ""

    @property
    def incomplete(self) -> bool:
        """Whether a check could not run, so that the report does not say all that it should."""
        return any(one.id == COULD_NOT_RUN for one in self.findings)

    @property
    def worth_saying(self) -> tuple[NotChecked, ...]:
        """What was not checked although it was asked for, and is no finding."""
        usual = (NEEDS_SERVER, ON_REQUEST, BROKEN)
        return tuple(one for one in self.not_checked if not one.reason.startswith(usual))

    @property
    def failed(self) -> bool:
        """Whether a finding reaches the level at which the report fails."""
        return any(one.reaches(self.fail_level) for one in self.findings)

    def below(self, folder: str) -> CheckReport:
        """Return the report with paths from the repository, in which ``folder`` is the project."""

        def moved(one: Finding) -> Finding:
            if not one.path or os.path.isabs(one.path):
                return one
            return replace(one, path=os.path.normpath(folder + one.path))

        skipped = tuple(
            replace(one, finding=moved(one.finding)) if one.finding else one for one in self.skipped
        )
        findings = tuple(map(moved, self.findings))
        return replace(self, findings=findings, skipped=skipped, folder=folder)

    def without(self, known: Container[str], reason: str) -> CheckReport:
        """Return the report with findings skipped whose fingerprint is in ``known``."""
        old = [one for one in self.findings if one.fingerprint in known]
        skipped = [Skipped(one.id, reason, one) for one in old]
        findings = tuple(one for one in self.findings if one not in old)
        return replace(self, findings=findings, skipped=(*self.skipped, *skipped))


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
    return [one for one in every if chosen(one, choice) and not why_not(one, choice, server=server)]


def chosen(one: Check, choice: Choice) -> bool:
    """Whether the command line asks for a check."""
    return (not choice.tags or one.tag in choice.tags) and choice.includes(one.id)


def why_not(one: Check, choice: Choice, *, server: bool) -> str:
    """Return why a chosen check is not run, or an empty string."""
    if one.server and not server:
        return NEEDS_SERVER
    if one.on_request and not {one.id, one.number} & set(choice.only):
        return f"{ON_REQUEST}{one.number}"
    return ""


def run_checks(subject: Subject, choice: Choice) -> CheckReport:
    """Run the chosen checks, ours and Django's."""
    every = [one for one in catalogue().values() if chosen(one, choice)]
    left_out = {one.id: why_not(one, choice, server=subject.server) for one in every}
    silenced = [one.id for one in every if one.id in set(settings.SILENCED_SYSTEM_CHECKS)]
    checks = [one for one in every if not left_out[one.id] and one.id not in silenced]
    attempts = attempt_ours(subject, checks)
    attempt_djangos(subject, choice, attempts)
    findings = [*attempts.findings, *_broken(attempts, subject)]
    findings = [one for one in findings if not matches(one.id, choice.skip)]
    kept, skipped = apply_skips(findings, subject.skips, today())
    skipped += [Skipped(key, "SILENCED_SYSTEM_CHECKS contains it") for key in silenced]
    unknown = {one.id for one in attempts.not_checked}
    rest = tuple(NotChecked(key, why) for key, why in left_out.items() if why)
    return CheckReport(
        tuple(sort_findings(kept)),
        tuple(skipped),
        tuple(one for one in checks if one.id not in unknown),
        choice.fail_level,
        not_checked=(*attempts.not_checked, *rest),
    )


def attempt_ours(subject: Subject, checks: Iterable[Check]) -> Attempts:
    """Run our checks. Only checks of the topic ``server`` may connect to anything."""
    attempts = Attempts(subject.root)
    for one in checks:
        work = partial(one.run, subject)
        if one.server:
            attempts.run(one.id, work, subject.limit)
            continue
        with no_connections():
            attempts.run(one.id, work)
    return attempts


def attempt_djangos(subject: Subject, choice: Choice, attempts: Attempts) -> None:
    """Run the chosen checks of Django and of apps."""
    if choice.tags and not set(choice.tags) & set(DJANGO_TAGS):
        return
    tags = () if not choice.tags or "django" in choice.tags else ("security",)
    for name, work in iter_django_checks(subject, tags):
        found = partial(_included, work, choice)
        if subject.server:
            attempts.run(name, found, subject.limit)
            continue
        with no_connections():
            attempts.run(name, found)


def _broken(attempts: Attempts, subject: Subject) -> list[Finding]:
    return [one if one.path else add_place(one, subject) for one in attempts.iter_broken()]


def _included(work: Callable[[], Iterable[Finding]], choice: Choice) -> list[Finding]:
    return [one for one in work() if choice.includes(one.id)]


def _place_in_report(one: Finding) -> tuple[int, str, str, int, str]:
    return -LEVELS.index(one.level), one.id, one.path, one.line, one.message


def sort_findings(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings, the most serious first."""
    return sorted(findings, key=_place_in_report)


def apply_skips(
    findings: Sequence[Finding], skips: Sequence[Skip], day: str
) -> tuple[list[Finding], list[Skipped]]:
    """Return the findings that remain, and those that a skip still valid on ``day`` matches."""
    active = {skip.id: skip for skip in skips if not skip.until or skip.until >= day}
    kept: list[Finding] = []
    skipped: list[Skipped] = []
    for one in findings:
        skip = next((skip for key, skip in active.items() if matches(one.id, [key])), None)
        if skip is None:
            kept.append(one)
        else:
            skipped.append(Skipped(one.id, skip.reason, one))
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
    attempts = attempt_ours(subject, checks)
    findings = [*attempts.findings, *_broken(attempts, subject)]
    findings += [
        Finding(f"deploykit.ini: {one}", id=COULD_NOT_RUN, level="ERROR") for one in problems
    ]
    kept, _ = apply_skips(findings, subject.skips, today())
    return [to_message(one) for one in sort_findings(kept)]
