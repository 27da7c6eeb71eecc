"""The terminal's side of the three commands: progress, summaries, errors."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from django_deploykit.errors import DeployKitError


class Console:
    """A :class:`~django_deploykit.progress.Progress` on standard error, plain lines.

    With ``as_json`` nothing is written but the one JSON object of :meth:`emit`.
    """

    def __init__(
        self, out: TextIO | None = None, err: TextIO | None = None, *, as_json: bool = False
    ) -> None:
        self.out = out or sys.stdout
        self.err = err or sys.stderr
        self.as_json = as_json
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Say that a step goes on, and how long it took."""
        begun = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - begun, 3)
        self.note(f"{name:<12} {self.seconds[name]:6.2f} s")

    def advance(self, done: int, total: int, host: str = "") -> None:
        """Say nothing: bytes are for terminals."""

    def note(self, text: str) -> None:
        """Say a line."""
        if not self.as_json:
            print(text, file=self.err, flush=True)

    def print(self, text: str = "") -> None:
        """Write a line of the result."""
        if not self.as_json:
            print(text, file=self.out, flush=True)

    def emit(self, data: dict[str, Any]) -> None:
        """Write the result for machines."""
        if self.as_json:
            print(json.dumps(data, indent=2, sort_keys=True), file=self.out, flush=True)


def run_command(work: Callable[[], int], *, as_json: bool = False) -> int:
    """Do a command's work; a user's mistake becomes a message, a hint and an exit code."""
    try:
        return work()
    except DeployKitError as error:
        if as_json:
            facts = {"message": error.message, "hint": error.hint, "exit_code": error.exit_code}
            print(json.dumps({"error": facts}, indent=2), flush=True)
        print(f"error: {error.message}", file=sys.stderr)
        if error.hint:
            print(error.hint, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 141
