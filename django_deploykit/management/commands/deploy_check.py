"""``manage.py deploy_check``: is this project fit for production?"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from django_deploykit.errors import DeployKitError
from django_deploykit.management.command import ProjectCommand
from django_deploykit.management.console import run_command

FORMATS = ("text", "json", "sarif", "junit", "github", "gitlab")
LEVELS = ("INFO", "WARNING", "ERROR")


class Command(ProjectCommand):
    """Parse, call, print."""

    help = "Say whether this project is fit for production."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the command line."""
        parser.add_argument("--format", choices=FORMATS, default="text")
        parser.add_argument(
            "--output", type=Path, metavar="FILE", help="write there, not to the terminal"
        )
        parser.add_argument(
            "--fail-level", type=str.upper, choices=LEVELS, default="ERROR", help="default: ERROR"
        )
        parser.add_argument(
            "--server",
            action="store_true",
            help="on the host: its database, cache, files and configuration too",
        )
        parser.add_argument(
            "--ask",
            default="",
            metavar="URL",
            help="with --server: ask the site for this in the checking process: /up, https:///up",
        )
        parser.add_argument(
            "--only", action="append", default=[], metavar="ID", help="run only this"
        )
        parser.add_argument(
            "--skip", action="append", default=[], metavar="ID", help="leave this out"
        )
        parser.add_argument(
            "--tag", action="append", default=[], metavar="TAG", help="run only this topic"
        )
        parser.add_argument("--list", action="store_true", help="list all checks")
        parser.add_argument("--explain", metavar="ID", help="say what a check is for")
        parser.add_argument(
            "--migrations",
            action="store_true",
            help="with --format json: tell what waits to be migrated",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Run; exit code 0 clean, 1 findings at or above the level, 2 could not check."""
        code = run_command(lambda: self._run(options))
        if code:
            sys.exit(code if code == 1 and self.checked else 2)

    checked = False

    def _run(self, options: dict[str, Any]) -> int:
        from django_deploykit.checks.catalogue import catalogue
        from django_deploykit.management import checking
        from django_deploykit.project import nearest_root, read_project

        known = catalogue()
        if options["list"]:
            self.stdout.write("\n".join(checking.listing(known)))
            return 0
        if options["explain"]:
            self.stdout.write(checking.explanation(known, options["explain"]))
            return 0
        project = read_project(nearest_root(self.start) or self.start)
        if self.argv and not options["server"]:
            other = checking.other_settings(project, options["settings"])
            if other:
                self.stderr.write(f"checking {other}, the settings of production")
                checking.check_again(other, self.argv)
        os.environ["_DEPLOYKIT_GATE"] = "1"  # Django's registry runs ours too
        try:
            text, failed = checking.check(project, known, options)
        finally:
            del os.environ["_DEPLOYKIT_GATE"]
        if options["output"]:
            write(options["output"], text)
        else:
            self.stdout.write(text, ending="")
        self.checked = True
        return 1 if failed else 0


def write(path: Path, text: str) -> None:
    """Write a report to a file."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DeployKitError(
            f"--output: {path} cannot be written: {error.strerror}", exit_code=2
        ) from None
