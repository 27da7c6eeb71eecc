"""What long work tells while it goes on; the terminal's side is in ``management.console``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from django_deploykit.runtime.base.sizes import in_bytes as in_bytes

# The states of a host in a step.
RUNS, DONE, FAILED = "runs", "done", "failed"


class Progress(Protocol):
    """Where a build or a release reports to."""

    def step(self, name: str, hosts: Sequence[str] = ()) -> AbstractContextManager[None]:
        """Enter a named step, on hosts where there are any.

        Leaving it ends it, with an exception it failed.
        """

    def advance(self, done: int, total: int, host: str = "") -> None:
        """Say how many bytes of the current step are done, for one host where there are several."""

    def at(self, host: str, step: str, state: str, detail: str = "") -> None:
        """Say how it stands with one host: ``RUNS``, ``DONE`` or ``FAILED``, and more in words.

        It is called from several threads.
        """

    def note(self, text: str) -> None:
        """Say one line that the user should see (a warning, a fact)."""


class Quiet:
    """A :class:`Progress` that says nothing, for machines and tests."""

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
