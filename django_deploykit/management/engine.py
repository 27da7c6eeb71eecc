"""What an engine does for the actions of ``manage.py release``."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from django_deploykit.errors import DeployKitError
from django_deploykit.project.engines import ENGINES
from django_deploykit.project.inventory import Environment
from django_deploykit.runtime.base.errors import WRONG_USE
from django_deploykit.runtime.deploy.plan import Plan

if TYPE_CHECKING:
    from django_deploykit.management.session import Session
    from django_deploykit.release.outcome import Outcome
    from django_deploykit.runtime.wire.journal import JournalRecord
    from django_deploykit.runtime.wire.logs import LogRequest
    from django_deploykit.runtime.wire.operating import HostStatus

T = TypeVar("T")
Answers = dict[str, T | DeployKitError]  # by the name of a host, a node or a service
Build = Callable[[], Path]  # finds or builds the bundle, which may take minutes


@dataclass(frozen=True)
class Change:
    """A plan, and the function that carries it out.

    ``carry_out`` returns None if nothing was left to do. ``commit`` and ``size`` are the bundle's,
    ``size`` in bytes. ``begun`` is a time of the monotonic clock.
    """

    plan: Plan
    carry_out: Callable[[], Outcome | None]
    commit: str = ""
    size: int = 0
    begun: float = field(default_factory=time.monotonic)


class Engine:
    """A method for each action of ``release``.

    The session has the project, the environment, the console and the options. The arguments are the
    action's own. Methods that return a number print what they did themselves, and do nothing but
    show a plan if ``session.options.plan`` is set; the number is the exit code.

    An engine overrides the methods of the actions that it offers. ``missing`` has the other actions
    and what to do instead. ``packages`` are the modules to install for this engine.
    """

    missing: Mapping[str, str] = {}
    packages: tuple[str, ...] = ()

    def release(self, session: Session, build: Build) -> AbstractContextManager[Change]:
        """Plan to put the bundle that ``build`` returns live, with connections open meanwhile."""
        raise NotImplementedError

    def rollback(self, session: Session, release: str) -> AbstractContextManager[Change]:
        """Plan to go back to a release, or to the last good one if ``release`` is empty."""
        raise NotImplementedError

    def setup(self, session: Session, build: Build) -> int:
        """Make ready for the first release."""
        raise NotImplementedError

    def teardown(self, session: Session, *, data: bool) -> int:
        """Remove everything that setup and releases made; with ``data``, the data too."""
        raise NotImplementedError

    def status(self, session: Session) -> Answers[HostStatus]:
        """Return what is live on each host, or why that is not known."""
        raise NotImplementedError

    def history(self, session: Session) -> Answers[tuple[JournalRecord, ...]]:
        """Return what happened on each host, the oldest record first."""
        raise NotImplementedError

    def logs(self, session: Session, request: LogRequest, pattern: str, *, follow: bool) -> int:
        """Print lines of processes, only those that match if ``pattern`` is not empty."""
        raise NotImplementedError

    def exec(self, session: Session, words: Sequence[str], release: str) -> int:
        """Run a Django command in a release, or in the live one if ``release`` is empty."""
        raise NotImplementedError

    def cancel(self, session: Session, command: str) -> int:
        """End a command that runs."""
        raise NotImplementedError

    def stop(self, session: Session) -> int:
        """Stop the site."""
        raise NotImplementedError


def engine_of(environment: Environment) -> Engine:
    """Return the engine of an environment."""
    engine: Engine = import_module(ENGINES[environment.engine]).ENGINE
    return engine


def validate_offered(environment: Environment, action: str) -> None:
    """Raise :class:`DeployKitError` if the environment's engine does not offer an action."""
    instead = engine_of(environment).missing.get(action)
    if instead is not None:
        raise DeployKitError(
            f"the engine {environment.engine} of {environment.name} has no {action}",
            instead,
            WRONG_USE,
        )
