"""The Django app: registers the deploy checks, nothing else."""

from __future__ import annotations

from django.apps import AppConfig


class DeployKitConfig(AppConfig):
    """``django_deploykit`` in ``INSTALLED_APPS``."""

    name = "django_deploykit"
    verbose_name = "Deploy kit"
