"""``manage.py release``: put a commit live, or take it back."""

from __future__ import annotations

import sys
from argparse import REMAINDER
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from django_deploykit.errors import DeployKitError
from django_deploykit.management.command import ProjectCommand
from django_deploykit.management.console import Console, console_of, last_act, run_command
from django_deploykit.management.extra import SHIPPING, need_extra
from django_deploykit.project import Project, find_project


class Command(ProjectCommand):
    """Parse, call, print."""

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
            nargs=REMAINDER,
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
            "--wait", type=float, default=0.0, metavar="SECONDS", help="wait for the lock"
        )
        parser.add_argument(
            "--fresh", action="store_true", help="build again, and collect static files again"
        )
        parser.add_argument("--report", type=Path, metavar="FILE", help="write an HTML report")
        parser.add_argument("--noinput", "--no-input", action="store_true", help="never ask")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    words: tuple[str, ...] | None = None

    def run_from_argv(self, argv: list[str]) -> None:
        """Take off what follows ``--exec``: it is another command's line, options and all."""
        if "--exec" in argv:
            place = argv.index("--exec")
            argv, words = argv[:place], argv[place + 1 :]
            self.words = tuple(words[1:] if words[:1] == ["--"] else words)
        with last_act():
            super().run_from_argv(argv)

    def handle(self, *_: Any, **options: Any) -> None:
        """Run, and end with the exit code that the documentation promises."""
        console = console_of(options)
        code = run_command(lambda: self._run(options, console), console)
        if code:
            sys.exit(code)

    def _run(self, options: dict[str, Any], console: Console) -> int:
        need_extra("release", SHIPPING)
        from django_deploykit.management.releasing import Options, Releasing
        from django_deploykit.project.inventory import as_user, choose, narrow

        project = find_project(self.start)
        environment = choose(project.inventory, options["environment"])
        environment = as_user(narrow(environment, options["hosts"]), options["user"])
        if not environment.local and not environment.hosts:
            raise DeployKitError(f"[environment:{environment.name}] names no hosts")
        chosen = Options(options["noinput"], options["wait"], options["plan"], options["report"])
        releasing = Releasing(project, environment, console, chosen)
        return self._act(releasing, project, options)

    def _act(self, releasing: Any, project: Project, options: dict[str, Any]) -> int:
        for name in ("status", "history", "stop"):
            if options[name]:
                return int(getattr(releasing, name)())
        if options["logs"]:
            follow = ["--follow"] if options["follow"] else []
            if (
                sys.stdout.isatty() and not options["json"]
            ):  # also where the host has no terminal to see
                follow.append("--visible")
            shown = ["--process", options["process"], "--lines", str(options["lines"]), *follow]
            return int(releasing.attach("log", *shown))
        words = self.words if self.words is not None else options["exec"]
        if words is not None:
            return int(releasing.attach("exec", "--", *words))
        if options["setup"]:
            from django_deploykit.management.setting_up import set_up

            return int(set_up(releasing, self._bundle(releasing, project, options)))
        return self._release(releasing, project, options)

    def _release(self, releasing: Any, project: Project, options: dict[str, Any]) -> int:
        """Put a commit live or go back, with a report of it where one was asked for."""
        from django_deploykit.management.reporting import reported

        back = options["rollback"] is not None
        releasing.record.action = "rollback" if back else "release"
        path = None if options["plan"] else options["report"]
        with reported(path, releasing.record, releasing.console):
            if back:
                return int(releasing.rollback(options["rollback"]))
            return int(releasing.release_built(lambda: self._bundle(releasing, project, options)))

    def _bundle(self, releasing: Any, project: Project, options: dict[str, Any]) -> Path:
        """Return the bundle to release, built where none is named."""
        if options["bundle"]:
            from django_deploykit.runtime.bundle.reader import BundleFile
            from django_deploykit.runtime.bundle.seal import judge_seal

            with BundleFile(options["bundle"]):  # says what is wrong with what is no bundle at all
                judge_seal(options["bundle"])
            return Path(options["bundle"])
        from django_deploykit.bundle.build import BuildRequest, build
        from django_deploykit.management.bundling import sign_again, sign_built
        from django_deploykit.management.reusing import built_before

        fresh = options["fresh"]
        before = None if fresh else built_before(project, options["rev"], releasing.console)
        if before is not None:
            sign_again(before)
            return before
        releasing.hook("before_build")
        built = build(BuildRequest(project, options["rev"], fresh=fresh), releasing.console)
        sign_built(built, "")
        releasing.hook("after_build", {"bundle": str(built.path)})
        return built.path
