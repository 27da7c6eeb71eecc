"""The Django app: registers the deploy checks, nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, register

from django_deploykit.conf.errors import show_without_traceback


class DeployKitConfig(AppConfig):
    """``django_deploykit`` in ``INSTALLED_APPS``."""

    name = "django_deploykit"

    def __init__(self, *args: Any) -> None:
        """Also tell in one line of apps behind this one that do not load."""
        super().__init__(*args)
        show_without_traceback()

    verbose_name = "Deploy kit"

    def ready(self) -> None:
        """Let ``check --deploy`` run the catalogue; it is imported only then."""
        register(_deploy_checks, "deploykit", deploy=True)


def _deploy_checks(**options: Any) -> Sequence[CheckMessage]:
    from django_deploykit.checks.gate import registered

    return registered(**options)
