"""Errors of the product: :class:`DeployKitError` and the few children worth catching apart."""

from __future__ import annotations

from collections.abc import Sequence

from django_deploykit.runtime.base.errors import DeployKitError

__all__ = ["BundleError", "DeployKitError", "Problems", "ProjectError"]


class ProjectError(DeployKitError):
    """``deploykit.ini``, the Procfile or the repository is not what is needed."""


class BundleError(DeployKitError):
    """A bundle cannot be built."""


class Problems(DeployKitError):
    """Several problems reported together, one a line."""

    def __init__(self, title: str, problems: Sequence[str], hint: str = "", exit_code: int = 1):
        self.problems = tuple(problems)
        lines = "\n".join(f"  - {problem}" for problem in self.problems)
        super().__init__(f"{title}\n{lines}", hint, exit_code)
