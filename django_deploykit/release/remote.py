"""A host that the stages of a release use over a transport."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

from django_deploykit.release.transports.base import Transport
from django_deploykit.runtime.wire.events import Event, OutputLine
from django_deploykit.runtime.wire.releasing import FAILED, MIGRATE, SETTLE, UPLOAD
from django_deploykit.runtime.wire.reports import CHECK, KIN, CheckResult, KinResult

# What Django's migrate prints for a migration that was applied.
_APPLIED = re.compile(r"\s*Applying (?P<app>\w+)\.\w+\.\.\. OK\s*\Z")


class RemoteHost:
    """A :class:`~django_deploykit.runtime.deploy.stages.StageHost` that calls verbs."""

    def __init__(
        self,
        transport: Transport,
        owner: str,
        note: Callable[[str], None],
        first: bool = False,
        action: str = "release",
    ) -> None:
        """``owner`` and ``action`` are for the host's journal; ``note`` gets migrations' output.

        In a ``first`` release, applied migrations are one line for each app.
        """
        self._transport, self._owner, self._note = transport, owner, note
        self._first, self._action = first, action

    @property
    def name(self) -> str:
        """The host's name."""
        return self._transport.name

    def settle(self) -> str | None:
        """Finish or revert an interrupted switch; return the release that is live."""
        return self._transport.call(SETTLE).live

    def check(self, release: str) -> CheckResult:
        """Run deploy_check in a release."""
        return self._transport.call(CHECK, "--release", release)

    def kin(self, release: str) -> KinResult:
        """Compare a release's migrations with those of the live one."""
        return self._transport.call(KIN, "--release", release)

    def migrate(self, release: str, databases: Sequence[str]) -> None:
        """Run a release's migrations."""
        names = [part for name in databases for part in ("--database", name)]
        applied: Counter[str] = Counter()

        def show(event: Event) -> None:
            if isinstance(event, OutputLine):
                match = _APPLIED.match(event.line) if self._first else None
                if match:
                    applied[match["app"]] += 1
                else:
                    self._note(f"  {event.line}")

        try:
            self._transport.call(
                MIGRATE, "--release", release, "--owner", self._owner, *names, on_event=show
            )
        finally:
            for app, count in applied.items():
                self._note(f"    {app}: {count} applied")

    def upload(self, release: str) -> None:
        """Upload a release's static files to their storage."""

        def show(event: Event) -> None:
            if isinstance(event, OutputLine):
                self._note(f"  {event.line}")

        self._transport.call(UPLOAD, "--release", release, on_event=show)

    def failed(self, release: str, why: str, databases: str) -> None:
        """Journal that a release was refused or failed, and what ``databases`` have now."""
        words = ("--release", release, "--action", self._action, "--owner", self._owner)
        self._transport.call(FAILED, *words, "--why", why, "--databases", databases)
