"""Errors of the product: :class:`DeployKitError` and the few children worth catching apart."""

from __future__ import annotations

from django_deploykit.runtime.base.errors import DeployKitError, Problems

__all__ = ["BundleError", "DeployKitError", "Problems", "ProjectError"]


class ProjectError(DeployKitError):
    """``deploykit.ini``, the Procfile or the repository is not what is needed."""


class BundleError(DeployKitError):
    """A bundle cannot be built."""
