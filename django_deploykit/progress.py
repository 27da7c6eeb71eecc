"""The interface for reporting progress. Its terminal side is in ``management.console``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from django_deploykit.runtime.base.sizes import in_bytes as in_bytes

# The states of a host in a step.
RUNS, DONE, FAILED = "runs", "done", "failed"


class Progress(Protocol):
    """Receives the progress of a build or a release."""

    def step(self, name: str, hosts: Sequence[str] = ()) -> AbstractContextManager[None]:
        """Run the block as a named step, on hosts if any are given.

        If the block raises an exception, the step failed.
        """

    def advance(self, done: int, total: int, host: str = "") -> None:
        """Report how many bytes of the current step are done, on one host if it runs on several."""

    def at(self, host: str, step: str, state: str, detail: str = "") -> None:
        """Report the state of a step on one host: ``RUNS``, ``DONE`` or ``FAILED``, and a detail.

        It is called from several threads.
        """

    def note(self, text: str) -> None:
        """Show the user a line, such as a warning or a fact."""


class Quiet:
    """A :class:`Progress` that shows nothing, for machines and tests."""

    @contextmanager
    def step(self, name: str, hosts: Sequence[str] = ()) -> Iterator[None]:  # noqa: ARG002 - as the protocol names them
        """Do nothing around a step."""
        yield

    def advance(self, done: int, total: int, host: str = "") -> None:
        """Show nothing."""

    def at(self, host: str, step: str, state: str, detail: str = "") -> None:
        """Show nothing."""

    def note(self, text: str) -> None:
        """Show nothing."""
