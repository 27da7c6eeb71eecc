"""The error of settings: Django's own, so that Django treats it as one."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from types import TracebackType

from django.core.exceptions import ImproperlyConfigured


class ConfigError(ImproperlyConfigured):
    """Everything that is wrong with a project's configuration; ``problems`` has it line by line."""

    def __init__(self, app: str, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        lines = "\n".join(f"  - {problem}" for problem in problems)
        super().__init__(f"the configuration of {app} has {_count(problems)}:\n{lines}")


def _count(problems: Sequence[str]) -> str:
    return "1 problem" if len(problems) == 1 else f"{len(problems)} problems"


def show_without_traceback() -> None:
    """Let a :class:`ConfigError` that nobody catches end the program with its message alone."""
    if sys.excepthook is sys.__excepthook__:
        sys.excepthook = _hook


def _hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if not isinstance(error, ConfigError):
        sys.__excepthook__(kind, error, trace)
        return
    print(f"error: {error}", file=sys.stderr)
    if "deploy_check" in sys.argv[1:2]:  # its exit code for "could not check" is 2
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(2)
