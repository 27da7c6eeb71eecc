"""Checks of rows in the host's database."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS
from django.utils import timezone

from django_deploykit.checks.catalogue import check
from django_deploykit.checks.finding import Finding
from django_deploykit.checks.server.services import has_table, require_databases
from django_deploykit.checks.subject import Subject

_MANY = 10_000
_GUESSES = ("admin", "password", "changeme", "secret", "django", "123456", "test")
_EXAMPLES = ("example.com", "example.org", "example.net", "localhost", "127.0.0.1:8000")


@check("W306", on_request=True)
def guessable_superuser(subject: Subject) -> Iterator[Finding]:
    """A superuser has a password that is easy to guess.

    Scanners try these at every admin. Each guess takes as long as a login.
    """
    if not subject.installed("django.contrib.auth"):
        return
    require_databases(subject, DEFAULT_DB_ALIAS)
    from django.contrib.auth import get_user_model

    users = get_user_model()
    if not has_table(users._meta.db_table):
        return
    for user in users._default_manager.filter(is_superuser=True, is_active=True)[:5]:
        name = user.get_username()
        if any(user.check_password(guess) for guess in (name, *_GUESSES)):
            yield Finding(
                f"the superuser {name} has a password that is easy to guess",
                f"Run: {subject.command_line(f'changepassword {shlex.quote(name)}')}",
            )


@check("W509")
def expired_sessions(subject: Subject) -> Iterator[Finding]:
    """Thousands of expired sessions are in the database.

    Django does not delete them, and the table grows for ever.
    """
    if not subject.installed("django.contrib.sessions"):
        return
    if settings.SESSION_ENGINE.rpartition(".")[2] not in ("db", "cached_db"):
        return
    require_databases(subject, DEFAULT_DB_ALIAS)
    from django.contrib.sessions.models import Session

    if not has_table(Session._meta.db_table):
        return
    expired = Session.objects.filter(expire_date__lt=timezone.now())
    if expired.order_by("expire_date")[_MANY : _MANY + 1].exists():
        yield Finding(
            f"the database has more than {_MANY} expired sessions",
            f"Run each day: {subject.command_line('clearsessions')}",
        )


@check("W706")
def example_site(subject: Subject) -> Iterator[Finding]:
    """The domain of django.contrib.sites is an example.

    Links in password reset emails lead there.
    """
    if not subject.installed("django.contrib.sites") or not hasattr(settings, "SITE_ID"):
        return
    require_databases(subject, DEFAULT_DB_ALIAS)
    from django.contrib.sites.models import Site

    if not has_table(Site._meta.db_table):
        return
    number = getattr(settings, "SITE_ID", None)
    site = Site.objects.filter(pk=number).first()
    if site is None or site.domain in _EXAMPLES:
        shown = "does not exist" if site is None else f"has the domain {site.domain}"
        yield Finding(
            f"the site of SITE_ID {number} {shown}, and links in emails use it",
            "Set the domain in the admin, under Sites.",
            "SITE_ID",
        )
