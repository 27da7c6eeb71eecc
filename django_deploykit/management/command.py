"""The base class of the three commands, which finds the manage.py that runs them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from django.core.management.base import BaseCommand

from django_deploykit.project import starting_folder


class ProjectCommand(BaseCommand):
    """A command for the project of the manage.py that runs it, or else of the current folder.

    ``argv`` is the command line. It is empty under ``call_command``.
    """

    argv: Sequence[str] = ()
    requires_system_checks: list[str] = []

    def run_from_argv(self, argv: list[str]) -> None:
        """Keep the command line, then run as Django does."""
        self.argv = argv
        super().run_from_argv(argv)

    @property
    def start(self) -> Path:
        """The folder where the search for the project starts."""
        return starting_folder(self.argv[0] if self.argv else "", Path.cwd())
