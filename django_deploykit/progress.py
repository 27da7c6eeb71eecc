"""What long work tells while it goes on; the terminal's side is in ``management.console``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Progress(Protocol):
    """Where a build or a release reports to."""

    def step(self, name: str) -> AbstractContextManager[None]:
        """Enter a named step; leaving it ends it, with an exception it failed."""

    def advance(self, done: int, total: int, host: str = "") -> None:
        """Say how many bytes of the current step are done, for one host where there are several."""

    def note(self, text: str) -> None:
        """Say one line that the user should see (a warning, a fact)."""


class Quiet:
    """A :class:`Progress` that says nothing, for machines and tests."""

    @contextmanager
    def step(self, name: str) -> Iterator[None]:  # noqa: ARG002
        """Do nothing around a step."""
        yield

    def advance(self, done: int, total: int, host: str = "") -> None:
        """Say nothing."""

    def note(self, text: str) -> None:
        """Say nothing."""
