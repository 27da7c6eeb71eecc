"""Django's own checks: which of them to run, and conversion between messages and findings."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import groupby
from operator import attrgetter, itemgetter

from django.conf import settings
from django.core import checks as django_checks
from django.core.checks.registry import registry
from django.db import connections

from django_deploykit.checks.finding import Finding, Undecided
from django_deploykit.checks.front_end import ignored, why_built_later
from django_deploykit.checks.options import Topology
from django_deploykit.checks.project_settings import has_no_value
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
_FEW = 3  # findings of an app with the same id that are reported one by one
_HSTS = ("security.W004", "security.W005", "security.W021")
_HTTPS = (
    *_HSTS, "security.W008", "security.W010", "security.W011", "security.W012", "security.W015", "security.W016",
)  # fmt: skip
_LEVELS = {
    "INFO": django_checks.INFO,
    "WARNING": django_checks.WARNING,
    "ERROR": django_checks.ERROR,
}


def iter_django_checks(
    subject: Subject, tags: Iterable[str] = ()
) -> Iterator[tuple[str, Callable[[], Iterator[Finding]]]]:
    """Yield the name and the work of each check of Django and of installed apps.

    With ``tags``, only of those that have one of them. They are called one by one, because
    ``run_checks`` would run our own checks again, and would connect to the databases since
    Django 6.1.
    """
    wanted = set(tags)
    databases = _databases(subject)
    functions = registry.get_checks(include_deployment_checks=True)
    for name, function in sorted(((_full_name(one), one) for one in functions), key=itemgetter(0)):
        found = set(getattr(function, "tags", ()))
        if TAG not in found and (not wanted or wanted & found):
            yield name, partial(_run, function, subject, databases)


def _full_name(function: Callable[..., object]) -> str:
    return f"{function.__module__}.{getattr(function, '__qualname__', repr(function))}"


def _databases(subject: Subject) -> list[str]:
    """Return the databases that checks may connect to: none without ``--server``."""
    if not subject.server:
        return []
    from django_deploykit.checks.server.services import unreachable

    return [alias for alias in connections if alias not in unreachable(subject)]


def _run(
    function: Callable[..., Iterable[django_checks.CheckMessage]],
    subject: Subject,
    databases: list[str],
) -> Iterator[Finding]:
    unneeded = {*irrelevant_ids(subject.topology), *COVERED}
    if settings.X_FRAME_OPTIONS.upper() == "SAMEORIGIN":  # a site that embeds its own pages
        unneeded.add("security.W019")
    undecided = ""
    found: list[Finding] = []
    for message in function(app_configs=None, databases=databases):
        if message.is_silenced() or message.id in unneeded:
            continue
        why = _why_undecided(message, subject) if subject.in_tree else ""
        undecided = undecided or why
        if not why:
            found.append(add_place(from_message(message), subject))
    yield from _summarized(found)
    if undecided:
        raise Undecided(undecided)


def _summarized(found: list[Finding]) -> Iterator[Finding]:
    """Yield findings. More than a few with the same id, which are no errors, become one."""
    kind = attrgetter("id", "level")
    for (_, level), group in groupby(sorted(found, key=kind), kind):
        first, *others = group
        if level == "ERROR" or len(others) < _FEW:
            yield from (first, *others)
        else:
            yield replace(first, message=f"{first.message} And {len(others)} more like this.")


def _why_undecided(message: django_checks.CheckMessage, subject: Subject) -> str:
    """Return why what Django says cannot be known in a working copy, or an empty string."""
    if message.id == "security.W020" and has_no_value(subject.root, "ALLOWED_HOSTS"):
        return "ALLOWED_HOSTS has no value here; hosts configure it"
    if message.level <= django_checks.WARNING and (path := _missing(str(message.msg), subject)):
        if ignored(subject, [path, path + "/"]):
            return f"{message.msg} Perhaps later: git ignores it, as what a build writes"
        if why := why_built_later(subject, path):
            return f"{message.msg} Perhaps later: {why}"
    return ""


def _missing(text: str, subject: Subject) -> str:
    """Return the file or folder of the project that a message says is missing, or "".

    ``staticfiles.W004`` names folders of STATICFILES_DIRS, and apps for Vite or webpack a manifest.
    """
    paths = (one.rstrip(".,:;") for one in re.findall(r"/[^\s'\"]+", text))
    return next((one for one in paths if subject.inside(one) and not os.path.lexists(one)), "")


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
    """Return a finding with the place of the first project setting in its text."""
    for word in re.findall(r"\b[A-Z][A-Z_]{3,}\b", finding.message):
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
