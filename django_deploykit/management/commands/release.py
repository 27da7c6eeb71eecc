"""``manage.py release``: puts a commit live, takes it back, and looks after what is live."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django_deploykit.errors import DeployKitError
from django_deploykit.management.actions import ACTIONS
from django_deploykit.management.command import ConsoleCommand
from django_deploykit.management.console import Console
from django_deploykit.management.engine import engine_of, validate_offered
from django_deploykit.management.extra import BUILDING, need_extra, need_posix
from django_deploykit.management.parser import ParsedOptions
from django_deploykit.management.release_parser import ReleaseParser
from django_deploykit.project import find_project
from django_deploykit.project.engines import HOSTS
from django_deploykit.project.inventory import Environment, as_user, choose, narrow
from django_deploykit.runtime.base.errors import WRONG_USE

# Options that say different things about one matter.
_EXCLUSIVE = (("rev", "bundle"), ("fresh", "bundle"), ("plan", "report"))


class Command(ConsoleCommand):
    """The command ``release``."""

    help = "Release a commit, or a bundle, to an environment; or act on what is live there."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: object) -> ReleaseParser:
        """Return the parser of the command line and of all actions."""
        parser = ReleaseParser(super().create_parser(prog_name, subcommand, **kwargs))
        if not parser.called_from_command_line:
            # call_command only knows the options of the parser that it gets.
            self.stealth_options = tuple(parser.all_names)
        self._parser = parser
        return parser

    def run(self, options: ParsedOptions, console: Console) -> int:
        """Run the action that the command line names."""
        validate([*self._parser.iter_foreign(options), *iter_exclusive(options)])
        need_posix("release")
        need_extra("release", BUILDING)

        project = find_project(self.start)
        environment = choose(project.inventory, options["environment"])
        validate_offered(environment, options["action"] or "release")
        need_extra("release", engine_of(environment).packages)
        from django_deploykit.management.session import Options, Session

        if environment.local or environment.engine != HOSTS:
            validate(
                f"--{name} is for servers; {_where(environment)}"
                for name in ("hosts", "user")
                if options[name]
            )
        environment = as_user(narrow(environment, options["hosts"]), options["user"])
        if environment.engine == HOSTS and not (environment.local or environment.hosts):
            raise DeployKitError(f"[environment:{environment.name}] names no hosts")
        chosen = Options(
            options.get("noinput", False),
            options.get("wait", 0.0),
            options.get("plan", False),
            options.get("report"),
            options.get("older", False),
        )
        session = Session(project, environment, console, chosen)
        return ACTIONS[options["action"]].run(session, options)


def _where(environment: Environment) -> str:
    """Return where an environment without hosts is, as the end of a sentence."""
    if environment.local:
        return "the environment local is this machine"
    return f"{environment.name} is for the engine {environment.engine}"


def iter_exclusive(options: ParsedOptions) -> Iterator[str]:
    """Yield the pairs of options that cannot be combined."""
    for one, other in _EXCLUSIVE:
        if options.get(one) and options.get(other):
            yield f"--{one} and --{other} cannot be combined; leave one of them out"


def validate(problems: Iterable[str]) -> None:
    """Raise :class:`DeployKitError` if the command line has problems."""
    text = "; ".join(problems)
    if text:
        raise DeployKitError(text, "Nothing was changed.", WRONG_USE)
