"""Errors shown to users: :class:`DeployKitError`, and subclasses for code that catches them."""

from __future__ import annotations

from django_deploykit.runtime.base.errors import DeployKitError, Problems

__all__ = ["BundleError", "DeployKitError", "Problems", "ProjectError"]


class ProjectError(DeployKitError):
    """``deploykit.ini``, the Procfile or the repository cannot be used."""


class BundleError(DeployKitError):
    """A bundle cannot be built."""
