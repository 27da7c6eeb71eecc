"""The parser of a command's arguments: groups in the help, with Django's own options last."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandParser

# The options of a command by name. The type of each value is in the option's declaration.
ParsedOptions = Mapping[str, Any]


class GroupedParser(CommandParser):
    """A parser with the options of ``base``, which are Django's, and groups of its own."""

    def __init__(self, base: CommandParser, prog: str = "", description: str = "") -> None:
        super().__init__(
            prog=prog or base.prog,
            description=description or base.description,
            formatter_class=base.formatter_class,
            called_from_command_line=base.called_from_command_line,
            parents=[base],
            add_help=False,  # the parent has it
        )

    def format_help(self) -> str:
        """Return the help. argparse puts Django's options first; here they come last."""
        self._action_groups.sort(key=lambda group: group is self._optionals)
        return super().format_help()

    @property
    def options(self) -> frozenset[str]:
        """The options as they are written: ``--hosts``, ``-f``."""
        return frozenset(self._option_string_actions)

    @property
    def names(self) -> frozenset[str]:
        """The names by which a command gets its options and arguments."""
        return frozenset(action.dest for action in self._actions)
