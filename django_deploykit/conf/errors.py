"""Errors in the configuration, and how an uncaught one is shown."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import partial
from types import TracebackType

from django.core.exceptions import ImproperlyConfigured


class ConfigError(ImproperlyConfigured):
    """All problems of a project's configuration. ``problems`` has a line for each."""

    def __init__(self, app: str, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        lines = "\n".join(f"  - {problem}" for problem in problems)
        super().__init__(f"the configuration of {app} has {_count(problems)}:\n{lines}")


def _count(problems: Sequence[str]) -> str:
    return "1 problem" if len(problems) == 1 else f"{len(problems)} problems"


class ProblemList:
    """Problems, one line for each, until all are reported. Some do not count with DEBUG on."""

    def __init__(self, certain: Sequence[str] = ()) -> None:
        self.certain = list(certain)
        self.unless_debug: list[str] = []

    def add(self, text: str, *, unless_debug: bool = False) -> None:
        """Add a problem, unless it is already in the list."""
        kept = self.unless_debug if unless_debug else self.certain
        if text not in kept:
            kept.append(text)

    def all(self, *, debug: bool) -> list[str]:
        """Return the problems that count with DEBUG on or off."""
        return [*self.certain, *([] if debug else self.unless_debug)]


def show_without_traceback(command: Sequence[str]) -> None:
    """Let an uncaught :class:`ConfigError` end the program with its message, without a traceback.

    If Django does not know the command because of that, and its name is close to one that exists,
    that is the message. It has to be corrected first.
    For commands of ours, this also holds for any other error that prevents the project from loading.
    The exit code of ``deploy_check`` is then 2. ``command`` is the command line without the program. If another
    package has set ``sys.excepthook``, that hook stays. For the reasons against other ways, see
    docs/decisions/0029.
    """
    if sys.excepthook is sys.__excepthook__:
        sys.excepthook = partial(_show, name=command[0] if command else "")


def _show(
    kind: type[BaseException],
    error: BaseException,
    trace: TracebackType | None,
    *,
    name: str,
) -> None:
    from django_deploykit.conf.commands import OURS

    message = ""
    if isinstance(error, ConfigError):
        message = _why_unknown(name, trace) or str(error)
    if name in OURS and not message and isinstance(error, Exception):
        from django_deploykit.conf.start_failure import start_failure

        failure = start_failure(error)
        message = f"{failure}\n{failure.hint}" if failure else ""
    if not message:
        sys.__excepthook__(kind, error, trace)
        return
    print(f"error: {message}", file=sys.stderr)
    if name == "deploy_check":
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(2)  # "could not check"; an exception would end with 1, which means findings


def _why_unknown(name: str, trace: TracebackType | None) -> str:
    """Return an error if Django looked for a command with a misspelled name, or an empty string."""
    while trace is not None and trace.tb_frame.f_code.co_name != "fetch_command":
        trace = trace.tb_next
    if trace is None:
        return ""
    from django_deploykit.conf.commands import misspelt

    settings = sys.modules.get(os.environ.get("DJANGO_SETTINGS_MODULE", ""))
    return misspelt(name, getattr(settings, "INSTALLED_APPS", ()))
