"""``manage.py release``: puts a commit live, or takes it back."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandParser

from django_deploykit.errors import DeployKitError
from django_deploykit.management.command import ProjectCommand
from django_deploykit.management.console import Console, console_of, last_act, run_command
from django_deploykit.management.extra import SHIPPING, need_extra
from django_deploykit.project import find_project

if TYPE_CHECKING:
    from django_deploykit.management.session import Session


class Command(ProjectCommand):
    """The command ``release``."""

    help = "Release a commit, or a bundle, to an environment; or roll it back."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the command line."""
        parser.add_argument(
            "environment", nargs="?", default="local", help="of deploykit.ini; default: local"
        )
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--rev", default="", help="release this commit; default: HEAD")
        what.add_argument("--bundle", type=Path, metavar="FILE", help="release this bundle")
        parser.add_argument(
            "--plan", action="store_true", help="show what would be done; changes nothing"
        )
        action = parser.add_mutually_exclusive_group()
        action.add_argument(
            "--setup", action="store_true", help="make the hosts ready; with --plan only shows it"
        )
        action.add_argument("--status", action="store_true", help="show what is live")
        action.add_argument("--history", action="store_true", help="show what happened")
        action.add_argument("--logs", action="store_true", help="show a process's last lines")
        action.add_argument(
            "--stop", action="store_true", help="stop the site of the environment local"
        )
        action.add_argument(
            "--exec",
            type=shlex.split,
            metavar="COMMAND",
            help="run a Django command there, as the last option: --exec -- shell",
        )
        parser.add_argument(
            "--rollback",
            nargs="?",
            const="",
            metavar="ID",
            help="go back to a release; default: the last good one",
        )
        parser.add_argument(
            "--follow", "-f", action="store_true", help="with --logs: go on as it grows"
        )
        parser.add_argument("--process", default="web", help="with --logs: which process")
        parser.add_argument("--lines", type=int, default=50, help="with --logs: how many lines")
        parser.add_argument(
            "--hosts", default="", metavar="PATTERN", help="only these hosts: web*,db1"
        )
        parser.add_argument("--user", default="", help="connect as this user")
        parser.add_argument(
            "--wait", type=float, default=0.0, metavar="SECONDS", help="wait for the deploy lock"
        )
        parser.add_argument(
            "--fresh", action="store_true", help="build again, and collect static files again"
        )
        parser.add_argument("--report", type=Path, metavar="FILE", help="write an HTML report")
        parser.add_argument("--noinput", "--no-input", action="store_true", help="never ask")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def run_from_argv(self, argv: list[str]) -> None:
        """Join everything after ``--exec`` into one argument.

        It is another command's line, and argparse would take the options in it for ours.
        """
        if "--exec" in argv:
            place = argv.index("--exec")
            words = argv[place + 1 :]
            if words[:1] == ["--"]:
                del words[0]
            argv = [*argv[:place], f"--exec={shlex.join(words)}"]
        with last_act():
            super().run_from_argv(argv)

    def handle(self, *_: Any, **options: Any) -> None:
        """Run, and exit with the documented code if it is not 0."""
        console = console_of(options)
        code = run_command(lambda: self._run(options, console), console)
        if code:
            sys.exit(code)

    def _run(self, options: dict[str, Any], console: Console) -> int:
        need_extra("release", SHIPPING)
        from django_deploykit.management import operating
        from django_deploykit.management.session import Options, Session
        from django_deploykit.project.inventory import as_user, choose, narrow

        project = find_project(self.start)
        environment = choose(project.inventory, options["environment"])
        environment = as_user(narrow(environment, options["hosts"]), options["user"])
        if not environment.local and not environment.hosts:
            raise DeployKitError(f"[environment:{environment.name}] names no hosts")
        chosen = Options(options["noinput"], options["wait"], options["plan"], options["report"])
        session = Session(project, environment, console, chosen)
        if options["status"]:
            return operating.show_status(session)
        if options["history"]:
            return operating.show_history(session)
        if options["stop"]:
            return operating.stop(session)
        if options["logs"]:
            follow = bool(options["follow"])
            return operating.show_logs(session, options["process"], options["lines"], follow)
        if options["exec"] is not None:
            return operating.run_command(session, options["exec"])
        return _change(session, options)


def _change(session: Session, options: dict[str, Any]) -> int:
    """Set hosts up, release or roll back, and write a report if one was asked for."""
    from django_deploykit.management.releasing import release_built
    from django_deploykit.management.reporting import reported
    from django_deploykit.management.reusing import find_bundle
    from django_deploykit.management.rolling_back import roll_back
    from django_deploykit.management.setting_up import set_up

    def bundle() -> Path:
        return find_bundle(session, options["bundle"], options["rev"], fresh=options["fresh"])

    if options["setup"]:
        return set_up(session, bundle())
    back = options["rollback"] is not None
    session.record.action = "rollback" if back else "release"
    path = None if options["plan"] else options["report"]
    with reported(path, session.record, session.console):
        return roll_back(session, options["rollback"]) if back else release_built(session, bundle)
