"""The Django app: registers the deploy checks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, register

from django_deploykit.conf.errors import show_without_traceback
from django_deploykit.conf.loading import command_line


class DeployKitConfig(AppConfig):
    """``django_deploykit`` in ``INSTALLED_APPS``."""

    name = "django_deploykit"
    verbose_name = "Deploy kit"

    def __init__(self, *args: Any) -> None:
        """Report apps that do not load in one line, as settings that do not."""
        super().__init__(*args)
        show_without_traceback(command_line())

    def ready(self) -> None:
        """Let ``check --deploy`` run the catalogue; it is imported only then."""
        register(_deploy_checks, "deploykit", deploy=True)


def _deploy_checks(**_: Any) -> Sequence[CheckMessage]:
    from django_deploykit.checks.runner import deploy_messages
    from django_deploykit.preflight import add_refusals

    return deploy_messages(add_refusals)
