"""``manage.py deploy_check``: is this project fit for production?"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from django_deploykit.checks.catalogue import catalogue
from django_deploykit.checks.finding import LEVELS
from django_deploykit.checks.formats import FORMATS
from django_deploykit.checks.runner import Choice
from django_deploykit.errors import DeployKitError
from django_deploykit.management import checking
from django_deploykit.management.command import ProjectCommand
from django_deploykit.management.console import run_command
from django_deploykit.management.extra import need_posix
from django_deploykit.management.parser import GroupedParser, ParsedOptions
from django_deploykit.project import Project, nearest_root, read_project


class Command(ProjectCommand):
    """The command ``deploy_check``."""

    help = "Check whether this project is fit for production."

    def add_options(self, parser: GroupedParser) -> None:
        """Declare the command line."""
        _add_what(parser)
        _add_output(parser)
        about = parser.add_argument_group("about the checks")
        about.add_argument("--list", action="store_true", help="list all checks")
        about.add_argument("--explain", metavar="ID", help="explain a check")

    def handle(self, *_: object, **options: object) -> None:
        """Run. Exit with 1 for findings at or above the level, or with 2 if checking failed."""
        self.checked = False
        code = run_command(lambda: self._run(options))
        if code:
            sys.exit(code if code == 1 and self.checked else 2)

    def _run(self, options: ParsedOptions) -> int:
        if options["list"] and options["explain"]:
            raise DeployKitError("--list and --explain cannot be combined", exit_code=2)
        if options["list"]:
            self.stdout.write("\n".join(checking.list_checks(catalogue().values())))
            return 0
        if options["explain"]:
            self.stdout.write(checking.explain_check(catalogue(), options["explain"]))
            return 0
        if options["server"]:
            need_posix("deploy_check --server")
        project = read_project(nearest_root(self.start) or self.start)
        text, code = self._check(project, options)
        self.stdout.write(text, ending="")
        self.checked = True
        return code

    def _check(self, project: Project, options: ParsedOptions) -> tuple[str, int]:
        """Write the report's files; return the text for standard output, and the exit code."""
        chosen = options["server"] or options["settings"] or options.get("configuration")
        other = {} if chosen else checking.other_settings(project)
        if other:
            name = ".".join(other.values())
            self.stderr.write(f"checking with the production settings, {name}")
            return checking.check_with_settings(other, project.root, arguments(options))
        choice = Choice(
            tuple(options["only"]),
            tuple(options["skip"]),
            tuple(options["tag"]),
            options["fail_level"],
        )
        request = checking.CheckRequest(
            project,
            choice,
            checking.read_outputs(options["format"], options["output"]),
            options["server"],
            options["ask"],
            options["migrations"],
            options["baseline"],
        )
        report = checking.check_project(request)
        return checking.write_outputs(report, request), checking.exit_code(report)


def _add_what(parser: GroupedParser) -> None:
    what = parser.add_argument_group("what to check")
    what.add_argument(
        "--server",
        action="store_true",
        help="on a host: also check its database, cache, files and configuration",
    )
    what.add_argument(
        "--ask",
        default="",
        metavar="URL",
        help="with --server: request this path or URL from the site, inside the checking process",
    )
    for name, meta, text in (
        ("--only", "ID", "run only these checks"),
        ("--skip", "ID", "skip these checks"),
        ("--tag", "TAG", "run only checks of this topic"),
    ):
        what.add_argument(name, action="append", default=[], metavar=meta, help=text)


def _add_output(parser: GroupedParser) -> None:
    output = parser.add_argument_group("output")
    output.add_argument(
        "--format",
        choices=list(FORMATS),
        default="text",
        help="how to write the report; default: text, for people",
    )
    output.add_argument(
        "--output",
        action="append",
        default=[],
        metavar="[FORMAT=]FILE",
        help="write the report to a file; with FORMAT= in that format too, more than once",
    )
    output.add_argument(
        "--baseline",
        type=Path,
        metavar="FILE",
        help="leave out the findings of an earlier report, written with --format json",
    )
    output.add_argument(
        "--fail-level",
        type=str.upper,
        choices=LEVELS,
        default="ERROR",
        help="exit with 1 for findings of this level or above; default: ERROR",
    )
    output.add_argument(
        "--migrations",
        action="store_true",
        help="with --format json: also report unapplied migrations",
    )


def arguments(options: ParsedOptions) -> Iterator[str]:
    """Yield the options for what to check and how to report it, as command-line arguments.

    Paths are absolute, as the other process runs in another folder.
    """
    for name in ("format", "fail_level", "ask"):
        yield f"--{name.replace('_', '-')}={options[name]}"
    for name in ("only", "skip", "tag"):
        yield from (f"--{name}={one}" for one in options[name])
    for one in checking.output_words(options["output"]):
        name, equals, file = one.partition("=")
        named = f"{name}=" if equals and name in FORMATS else ""
        yield f"--output={named}{Path(file if named else one).absolute()}"
    if options["baseline"]:
        yield f"--baseline={options['baseline'].absolute()}"
    if options["migrations"]:
        yield "--migrations"
