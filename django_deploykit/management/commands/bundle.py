"""``manage.py bundle``: bundles a clean commit into one file."""

from __future__ import annotations

from pathlib import Path

from django_deploykit.management.command import ConsoleCommand
from django_deploykit.management.console import Console
from django_deploykit.management.extra import BUILDING, need_extra, need_posix
from django_deploykit.management.parser import GroupedParser, ParsedOptions


class Command(ConsoleCommand):
    """Build a bundle and print what it contains."""

    help = "Bundle a clean git commit: code, locked dependencies, static files, the server, in one file."

    def add_options(self, parser: GroupedParser) -> None:
        """Declare the options."""
        from django_deploykit.project.formats import DEFAULT, FORMATS

        what = parser.add_argument_group("what to bundle")
        what.add_argument(
            "--rev", default="", help="bundle this commit; default: HEAD, which must be clean"
        )
        what.add_argument(
            "--fresh",
            action="store_true",
            help="build and collect static files again, even if unchanged",
        )
        target = parser.add_argument_group("where it runs")
        target.add_argument(
            "--python", default="", metavar="X.Y", help="the Python that runs it; default: this one"
        )
        target.add_argument(
            "--platform", default="", metavar="TAG", help="as linux-x86_64; default: this machine's"
        )
        output = parser.add_argument_group("output")
        output.add_argument(
            "--output", "-o", metavar="FILE_OR_DIR", help="default: .deploykit/bundles/"
        )
        output.add_argument(
            "--format",
            action="append",
            choices=sorted(FORMATS),
            help=f"what to write; repeat it for several formats; default: {DEFAULT}",
        )
        output.add_argument(
            "--sign",
            default="",
            metavar="KEY",
            help="sign it with this SSH key, to FILE.sig; default: DEPLOYKIT_SIGN, else unsigned",
        )
        output.add_argument("--json", action="store_true", help="print one JSON object")

    def run(self, options: ParsedOptions, console: Console) -> int:
        """Build, and print what the bundle contains."""
        need_posix("bundle")
        need_extra("bundle", BUILDING)
        from django_deploykit.bundle.build import BuildRequest, build
        from django_deploykit.management.bundling import as_json, previous, sign_built, summary
        from django_deploykit.project import find_project
        from django_deploykit.project.formats import DEFAULT

        project = find_project(self.start)
        output = options["output"]
        request = BuildRequest(
            project,
            options["rev"],
            Path(output) if output else None,
            options["python"],
            options["platform"],
            into_folder=bool(output) and output.endswith("/"),
            fresh=options["fresh"],
            formats=tuple(dict.fromkeys(options["format"] or [DEFAULT])),
        )
        last = previous(project)
        built = sign_built(build(request, console), options["sign"])
        console.emit(as_json(built))
        for line, mood in summary(built, last, console.seconds()):
            console.print(line, mood)
        return 0
