"""The actions of ``manage.py release``: for each word its help, its options and what it runs."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from django_deploykit.errors import DeployKitError
from django_deploykit.management.parser import GroupedParser, ParsedOptions
from django_deploykit.runtime.base.errors import WRONG_USE
from django_deploykit.runtime.base.names import valid_release_id

if TYPE_CHECKING:
    from django_deploykit.management.session import Session

LIVE = ""  # no word: put a commit live


@dataclass(frozen=True)
class Action:
    """What a word after the environment does.

    ``group`` is its place in the help. ``add`` declares its own options; ``run`` gets all options
    by name and returns the exit code. An action that ``changes`` something has ``--plan``.
    """

    group: str
    help: str
    add: Callable[[GroupedParser], None]
    run: Callable[[Session, ParsedOptions], int]
    changes: bool = False

    def add_options(self, parser: GroupedParser) -> None:
        """Declare the action's options, and those of every action."""
        self.add(parser)
        hosts = parser.add_argument_group("hosts")
        hosts.add_argument(
            "--hosts", default="", metavar="PATTERN", help="only these hosts: web*,db1"
        )
        hosts.add_argument("--user", default="", help="connect as this user")
        if self.changes:
            change = parser.add_argument_group("before anything changes")
            change.add_argument(
                "--plan", action="store_true", help="show what would be done; changes nothing"
            )
            change.add_argument("--noinput", "--no-input", action="store_true", help="never ask")
        output = parser.add_argument_group("output")
        output.add_argument("--json", action="store_true", help="print one JSON object")


def _add_source(parser: GroupedParser) -> None:
    what = parser.add_argument_group("what to release")
    what.add_argument("--rev", default="", help="release this commit; default: HEAD")
    what.add_argument("--bundle", type=Path, metavar="FILE", help="release this bundle")
    what.add_argument(
        "--fresh", action="store_true", help="build again, and collect static files again"
    )


def _add_switch(parser: GroupedParser) -> argparse._ArgumentGroup:
    """Declare the options of the actions that put another release live."""
    how = parser.add_argument_group("how to release")
    how.add_argument(
        "--wait", type=_seconds, default=0.0, metavar="SECONDS", help="wait for the deploy lock"
    )
    how.add_argument("--report", type=Path, metavar="FILE", help="write an HTML report")
    return how


def _add_live(parser: GroupedParser) -> None:
    parser.add_argument(
        "environment", nargs="?", default="local", help="of deploykit.ini; default: local"
    )
    _add_source(parser)
    _add_switch(parser).add_argument(
        "--older",
        action="store_true",
        help="release what is older than what was live, where hosts require signatures",
    )


def _add_rollback(parser: GroupedParser) -> None:
    parser.add_argument(
        "id",
        nargs="?",
        default="",
        type=_release_id,
        metavar="ID",
        help="default: the last good release",
    )
    _add_switch(parser)


def _release_id(text: str) -> str:
    if text and not valid_release_id(text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a release id, such as 20261123T041500-ab12cd3;"
            " an environment comes before the action"
        )
    return text


def _add_logs(parser: GroupedParser) -> None:
    which = parser.add_argument_group("which lines")
    which.add_argument(
        "--process",
        action="append",
        metavar="NAME",
        help="of the Procfile, several times for several; default: web",
    )
    which.add_argument(
        "--release", default="", type=_release_id, metavar="ID", help="only lines of this release"
    )
    which.add_argument("--lines", type=_line_count, help="how many; default: 50, or all --since")
    which.add_argument(
        "--since", type=_moment, help="lines since 10m, 2h, 1d, or 2026-11-30T22:15 in UTC"
    )
    which.add_argument("--grep", type=_pattern, metavar="PATTERN", help="a regular expression")
    which.add_argument("--follow", "-f", action="store_true", help="print new lines as they come")


def _line_count(text: str) -> int:
    from django_deploykit.runtime.cli.registry import line_count

    return line_count(text)


def _moment(text: str) -> float:
    from django_deploykit.runtime.cli.registry import moment

    return moment(text)


def _pattern(text: str) -> str:
    from django_deploykit.runtime.cli.registry import pattern

    return pattern(text).pattern


def _seconds(text: str) -> float:
    from django_deploykit.runtime.cli.registry import seconds

    return seconds(text)


def _add_teardown(parser: GroupedParser) -> None:
    parser.add_argument_group("what to remove").add_argument(
        "--data", action="store_true", help="remove the data and the configuration too"
    )


def _add_exec(parser: GroupedParser) -> None:
    parser.add_argument_group("which release").add_argument(
        "--release",
        default="",
        type=_release_id,
        metavar="ID",
        help="a staged release, before it is live; default: the live one",
    )
    parser.add_argument(
        "command",
        nargs=argparse.REMAINDER,
        metavar="-- COMMAND",
        help="a Django command with its options",
    )


def _add_cancel(parser: GroupedParser) -> None:
    parser.add_argument(
        "id", nargs="?", default="", metavar="ID", help="the command's ID, as status shows it"
    )


def _add_nothing(_: GroupedParser) -> None:
    """Declare nothing: the action only has the options of every action."""


def _put_live(session: Session, options: ParsedOptions) -> int:
    from django_deploykit.management.concluding import carry_out
    from django_deploykit.management.reporting import reported

    with reported(options["report"], session.record, session.console):
        change = session.engine.release(session, lambda: _bundle(session, options))
        return carry_out(session, change)


def _bundle(session: Session, options: ParsedOptions) -> Path:
    from django_deploykit.management.reusing import find_bundle

    return find_bundle(session, options["bundle"], options["rev"], fresh=options["fresh"])


def _set_up(session: Session, options: ParsedOptions) -> int:
    return session.engine.setup(session, lambda: _bundle(session, options))


def _roll_back(session: Session, options: ParsedOptions) -> int:
    from django_deploykit.management.concluding import carry_out
    from django_deploykit.management.reporting import reported

    session.record.action = "rollback"
    with reported(options["report"], session.record, session.console):
        return carry_out(session, session.engine.rollback(session, options["id"]))


def _show_status(session: Session, _: ParsedOptions) -> int:
    from django_deploykit.management.concluding import show_status

    return show_status(session, session.engine.status(session))


def _show_history(session: Session, _: ParsedOptions) -> int:
    from django_deploykit.management.concluding import show_history

    return show_history(session, session.engine.history(session))


def _show_logs(session: Session, options: ParsedOptions) -> int:
    from django_deploykit.runtime.wire.logs import log_request

    names, release = tuple(options["process"] or ()), options["release"]
    request = log_request(names, release, options["lines"], options["since"])
    return session.engine.logs(session, request, options["grep"] or "", follow=options["follow"])


def _tear_down(session: Session, options: ParsedOptions) -> int:
    return session.engine.teardown(session, data=options["data"])


def _execute(session: Session, options: ParsedOptions) -> int:
    words = list(options["command"])
    if words[:1] == ["--"]:
        del words[0]
    if not words:
        raise DeployKitError(
            "exec needs a Django command",
            "For example: manage.py release production exec -- showmigrations",
            WRONG_USE,
        )
    return session.engine.exec(session, words, options["release"])


def _cancel(session: Session, options: ParsedOptions) -> int:
    if not options["id"]:
        raise DeployKitError(
            "cancel needs the ID of a command", "status shows those that run.", WRONG_USE
        )
    return session.engine.cancel(session, options["id"])


def _stop(session: Session, _: ParsedOptions) -> int:
    return session.engine.stop(session)


# In the order of the help. `project.inventory` reserves the words: no environment has such a name.
ACTIONS: dict[str, Action] = {
    LIVE: Action("release", "put a commit live", _add_live, _put_live, changes=True),
    "rollback": Action(
        "go back", "put an earlier release live again", _add_rollback, _roll_back, changes=True
    ),
    "status": Action("look", "show what is live", _add_nothing, _show_status),
    "history": Action("look", "show what happened", _add_nothing, _show_history),
    "logs": Action("look", "show the last lines of processes' logs", _add_logs, _show_logs),
    "setup": Action("hosts", "make the hosts ready", _add_source, _set_up, changes=True),
    "exec": Action(
        "hosts",
        "run a Django command with the site's configuration",
        _add_exec,
        _execute,
        changes=True,
    ),
    "cancel": Action("hosts", "end a command that still runs", _add_cancel, _cancel, changes=True),
    "stop": Action(
        "hosts", "stop the site of the environment local", _add_nothing, _stop, changes=True
    ),
    "teardown": Action(
        "hosts", "take the site off its hosts", _add_teardown, _tear_down, changes=True
    ),
}
