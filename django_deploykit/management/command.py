"""The base classes of the three commands, which find the manage.py that runs them."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from django.core.management.base import BaseCommand

from django_deploykit import __version__
from django_deploykit.management.console import Console, console_of, last_act, run_command
from django_deploykit.management.parser import GroupedParser, ParsedOptions
from django_deploykit.project import starting_folder
from django_deploykit.runtime.base.trusted_folders import forget_untrusted


class ProjectCommand(BaseCommand):
    """A command for the project of the manage.py that runs it, or else of the current folder.

    ``argv`` is the command line. It is empty under ``call_command``.
    """

    argv: Sequence[str] = ()
    requires_system_checks: list[str] = []

    def run_from_argv(self, argv: list[str]) -> None:
        """Keep the command line, then run as Django does."""
        self.argv = argv
        forget_untrusted(os.environ)
        super().run_from_argv(argv)

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: object) -> GroupedParser:
        """Return a parser with Django's options and :meth:`add_options`."""
        parser = GroupedParser(super().create_parser(prog_name, subcommand, **kwargs))
        self.add_options(parser)
        return parser

    def add_options(self, parser: GroupedParser) -> None:
        """Declare the command's own options, in groups."""

    def get_version(self) -> str:
        """Return what ``--version`` prints: the version of this package, not Django's."""
        return f"django-deploykit {__version__}"

    @property
    def start(self) -> Path:
        """The folder where the search for the project starts."""
        return starting_folder(self.argv[0] if self.argv else "", Path.cwd())


class ConsoleCommand(ProjectCommand):
    """A command that shows its progress and its errors on a :class:`Console`."""

    def run_from_argv(self, argv: list[str]) -> None:
        """Run, and let the process end quickly afterwards."""
        with last_act():
            super().run_from_argv(argv)

    def handle(self, *_: object, **options: object) -> None:
        """Run, and exit with the documented code if it is not 0."""
        console = console_of(options)
        code = run_command(lambda: self.run(options, console), console)
        if code:
            sys.exit(code)

    def run(self, options: ParsedOptions, console: Console) -> int:
        """Do the command's work; return the exit code."""
        raise NotImplementedError
