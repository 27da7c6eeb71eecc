"""The Django app: registers the deploy checks, and spares two commands the project's other apps."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, register

from django_deploykit.conf.errors import show_without_traceback

# They look at commits and hosts, never at the apps of the working copy.
_WITHOUT_APPS = ("bundle", "release")


class DeployKitConfig(AppConfig):
    """``django_deploykit`` in ``INSTALLED_APPS``."""

    name = "django_deploykit"

    def __init__(self, *args: Any) -> None:
        """Also tell in one line of apps behind this one that do not load."""
        super().__init__(*args)
        show_without_traceback()
        if needs_no_apps(sys.argv):
            leave_out(settings.INSTALLED_APPS)

    verbose_name = "Deploy kit"

    def ready(self) -> None:
        """Let ``check --deploy`` run the catalogue; it is imported only then."""
        register(_deploy_checks, "deploykit", deploy=True)


def needs_no_apps(argv: Sequence[str]) -> bool:
    """Whether a command line is one of ours that needs no app of the project.

    >>> needs_no_apps(["manage.py", "bundle", "--json"])
    True
    """
    program = os.path.basename(argv[0]) if argv else ""
    ours = program in ("manage.py", "django-admin", "__main__.py")
    return ours and len(argv) > 1 and argv[1] in _WITHOUT_APPS


def leave_out(apps: object) -> None:
    """Take what stands behind us off the list of apps that Django goes through at this moment.

    It is half of the command's start, and may be broken without harm. A tuple stays as it is.

    >>> apps = ["first", "django_deploykit", "shop"]
    >>> leave_out(apps)
    >>> apps
    ['first', 'django_deploykit']
    """
    if isinstance(apps, list):
        ours = [n for n, app in enumerate(apps) if str(app).startswith("django_deploykit")]
        if ours:
            del apps[ours[0] + 1 :]


def _deploy_checks(**options: Any) -> Sequence[CheckMessage]:
    from django_deploykit.checks.runner import registered
    from django_deploykit.preflight import judged

    return registered(judged, **options)
