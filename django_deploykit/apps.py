"""The Django app, which registers the deploy checks."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

from django.apps import AppConfig
from django.core.checks import CheckMessage, register

from django_deploykit.conf.errors import show_without_traceback
from django_deploykit.conf.loading import command_line


class DeployKitConfig(AppConfig):
    """``django_deploykit`` in ``INSTALLED_APPS``."""

    name = "django_deploykit"
    verbose_name = "Deploy kit"

    def __init__(self, app_name: str, app_module: ModuleType | None) -> None:
        """Report apps that cannot be loaded in one line, like settings that cannot be loaded."""
        super().__init__(app_name, app_module)
        show_without_traceback(command_line())

    def ready(self) -> None:
        """Register the catalogue for ``check --deploy``. It is only imported when that runs."""
        register(_deploy_checks, "deploykit", deploy=True)


def _deploy_checks(**_: object) -> Sequence[CheckMessage]:
    from django_deploykit.checks.runner import deploy_messages
    from django_deploykit.preflight import add_refusals

    return deploy_messages(add_refusals)
