"""The errors that users see: a message, a hint and an exit code."""

from __future__ import annotations

from typing import Sequence

# Exit codes of every command, of ``manage.py release`` as well as of host verbs.
LIVE = 0
REFUSED = 1
WRONG_USE = 2  # a wrong command line; deploy_check: it could not check
LOCKED = 3
TAKEN_BACK = 4
HALF_DONE = 5
INTERRUPTED = 130  # by Ctrl-C, nothing was switched; shells use this code for SIGINT


class DeployKitError(Exception):
    """An error that the user can fix; it is shown without a traceback.

    ``message`` says what is wrong and where. ``hint`` says what to do next, and may be empty.
    ``exit_code`` is the exit code of the process.
    """

    def __init__(self, message: str, hint: str = "", exit_code: int = REFUSED) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = exit_code

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class Problems(DeployKitError):
    """Several problems reported together, one per line."""

    def __init__(
        self, title: str, problems: Sequence[str], hint: str = "", exit_code: int = REFUSED
    ):
        self.problems = tuple(problems)
        lines = "\n".join(f"  - {problem}" for problem in self.problems)
        super().__init__(f"{title}\n{lines}", hint, exit_code)
