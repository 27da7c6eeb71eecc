"""The command line of ``manage.py release [ENVIRONMENT] [ACTION]``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from django.core.management.base import CommandParser

from django_deploykit.management.actions import ACTIONS, LIVE
from django_deploykit.management.parser import GroupedParser, ParsedOptions
from django_deploykit.project import nearest


class ReleaseParser(GroupedParser):
    """The parser for putting a commit live, which passes other actions to their own parsers.

    argparse's own subparsers cannot follow an optional environment: see decision 0050.
    """

    def __init__(self, base: CommandParser) -> None:
        super().__init__(base)
        self._base = base
        ACTIONS[LIVE].add_options(self)
        self.set_defaults(action=LIVE)

    def action_parser(self, name: str) -> GroupedParser:
        """Return the parser of an action. It is made when it is needed, as each costs time."""
        if name == LIVE:
            return self
        action = ACTIONS[name]
        prog = f"{self.prog} [ENVIRONMENT] {name}"
        parser = GroupedParser(self._base, prog, f"{action.help[:1].upper()}{action.help[1:]}.")
        action.add_options(parser)
        parser.set_defaults(action=name, environment="local")
        return parser

    @cached_property
    def actions(self) -> dict[str, GroupedParser]:
        """The parsers of all actions, by name."""
        return {name: self.action_parser(name) for name in ACTIONS}

    def parse_args(self, args: Sequence[str], namespace: Any = None) -> Any:  # type: ignore[override]
        """Parse a command line with the parser of its action."""
        environment, action, rest = split(args)
        parser = self.action_parser(action)
        options, unknown = parser.parse_known_args(rest, namespace)
        if environment:
            options.environment = environment
        if action == LIVE and options.environment in ACTIONS:
            parser.error(self._misplaced(options.environment, "[ENVIRONMENT]"))
        if unknown:
            first = "" if action or rest[0].startswith("-") else rest[0]
            why = self._why_unknown(unknown[0].partition("=")[0], action, environment or first)
            parser.error(f"unrecognized arguments: {' '.join(unknown)}{why}")
        return options

    def _why_unknown(self, word: str, action: str, environment: str) -> str:
        """Return what to write instead of an unknown word, or an empty string."""
        if word in ACTIONS:
            return f"; {self._misplaced(word, environment)}"
        if word.startswith("--") and word[2:] in ACTIONS:
            return f"; {word[2:]} is a word of its own: {self._line(word[2:], environment)}"
        owners = [name for name, parser in self.actions.items() if word in parser.options]
        if owners:
            return f"; {word} is for: {', '.join(self._line(name, environment) for name in owners)}"
        if action and not environment and not word.startswith("-"):
            return f"; the environment comes first: {self._line(action, word)}"
        return nearest(word, [name for name in ACTIONS if name])

    def _line(self, action: str, environment: str) -> str:
        return " ".join(filter(None, [self.prog.strip(), environment, action]))

    def _misplaced(self, action: str, environment: str) -> str:
        line = self._line(action, environment)
        return f"the action {action} is the first word, or follows the environment: {line}"

    @property
    def all_names(self) -> frozenset[str]:
        """The names of the options of all actions."""
        return frozenset(name for parser in self.actions.values() for name in parser.names)

    def iter_foreign(self, options: ParsedOptions) -> Iterator[str]:
        """Yield a problem for each option of another action.

        ``call_command`` takes options by name, without this parser.
        """
        action = options["action"]
        known = {"action", "environment", *self.action_parser(action).names}
        others = set(options) - known
        for name in sorted(others & self.all_names) if others else ():
            yield f"{name} is not an option of release{f' {action}' if action else ''}"

    def format_help(self) -> str:
        """Return the help, with the actions by group below the options."""
        groups: dict[str, list[str]] = {}
        for name, action in ACTIONS.items():
            if name:
                groups.setdefault(action.group, []).append(f"    {name:<10}{action.help}")
        lines = [line for title, rows in groups.items() for line in (f"  {title}:", *rows)]
        return "\n".join(
            [
                f"{super().format_help()}",
                f"actions, each with its own options: {self._line('ACTION', '[ENVIRONMENT]')} --help",
                *lines,
                "",
            ]
        )


def split(words: Sequence[str]) -> tuple[str, str, Sequence[str]]:
    """Return the environment before an action, the action, and the other words.

    An action is the first word, or the second after an environment. Nothing else is one, so that
    the value of an option, such as a branch with the name stop, never is.

    >>> split(["production", "status", "--json"])
    ('production', 'status', ['--json'])
    >>> split(["--rev", "stop"])
    ('', '', ['--rev', 'stop'])
    """
    if words and words[0] in ACTIONS and words[0]:
        return "", words[0], words[1:]
    if len(words) > 1 and words[1] in ACTIONS and words[1] and not words[0].startswith("-"):
        return words[0], words[1], words[2:]
    return "", LIVE, words
