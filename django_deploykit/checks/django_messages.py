"""Django's own checks: which of them to run, and conversion between messages and findings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from django.core import checks as django_checks
from django.core.checks.registry import registry

from django_deploykit.checks.finding import Finding
from django_deploykit.checks.options import Topology
from django_deploykit.checks.subject import Subject

TAG = "deploykit"  # of our own checks in Django's registry
# Django only warns about these, but a live site with one of them is broken or insecure.
PROMOTED = ("security.W009", "security.W018", "security.W020")
# Django's warnings that our checks replace. Ours report a place or consider the topology.
COVERED = {
    "security.W009": "deploykit.E102",
    "security.W018": "deploykit.E101",
    "mail.E001": "deploykit.E701",
    "security.W021": "deploykit.W211",  # preloading suits few sites, and is hard to undo
}
_HSTS = ("security.W004", "security.W005", "security.W021")
_HTTPS = (
    *_HSTS, "security.W008", "security.W010", "security.W011", "security.W012", "security.W015", "security.W016",
)  # fmt: skip
_LEVELS = {
    "INFO": django_checks.INFO,
    "WARNING": django_checks.WARNING,
    "ERROR": django_checks.ERROR,
}


def django_findings(subject: Subject, tags: Iterable[str] = ()) -> Iterator[Finding]:
    """Run the checks of Django and of installed apps, or only the ones with one of ``tags``.

    The checks are called one by one, because ``run_checks`` would run our own checks again.
    """
    wanted = set(tags)
    unneeded = {*irrelevant_ids(subject.topology), *COVERED}
    for function in registry.get_checks(include_deployment_checks=True):
        found = set(getattr(function, "tags", ()))
        if TAG in found or (wanted and not wanted & found):
            continue
        for message in function(app_configs=None, databases=None):
            if not message.is_silenced() and message.id not in unneeded:
                yield add_place(from_message(message), subject)


def irrelevant_ids(topology: Topology) -> tuple[str, ...]:
    """Return the ids of Django's checks that make no sense for a site with this topology."""
    if topology.tls == "none":
        return _HTTPS
    return _HSTS if topology.hsts == "proxy" else ()


def from_message(message: django_checks.CheckMessage) -> Finding:
    """Return Django's message as a finding."""
    key = message.id or "django"
    level = "ERROR" if message.level >= django_checks.ERROR else "INFO"
    if message.level == django_checks.WARNING:
        level = "ERROR" if key in PROMOTED else "WARNING"
    text = str(message.msg)
    if message.obj is not None:
        text = f"{_name(message.obj)}: {text}"
    return Finding(text, str(message.hint or ""), id=key, level=level)


def _name(obj: object) -> str:
    return str(getattr(getattr(obj, "_meta", None), "label", obj))


def add_place(finding: Finding, subject: Subject) -> Finding:
    """Return Django's finding with the place of the first project setting in its text."""
    for word in re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", finding.message):
        path, line = subject.place(word)
        if path:
            return replace(finding, path=path, line=line)
    return finding


def to_message(finding: Finding) -> django_checks.CheckMessage:
    """Return a finding as Django's message."""
    text = f"{finding.message} ({finding.where})" if finding.where else finding.message
    return django_checks.CheckMessage(
        _LEVELS[finding.level], text, hint=finding.hint or None, id=finding.id
    )
