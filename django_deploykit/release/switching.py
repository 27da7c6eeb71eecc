"""Switching host by host or in batches, and what follows where a host fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from django_deploykit.errors import DeployKitError
from django_deploykit.release.fanout import Interruption, each
from django_deploykit.release.outcome import Outcome
from django_deploykit.release.request import Policy, Request
from django_deploykit.release.transports.base import LostError, Transport
from django_deploykit.runtime.base.errors import HALF_DONE, TAKEN_BACK
from django_deploykit.runtime.wire.events import Event
from django_deploykit.runtime.wire.releasing import SETTLE, SWITCH

Work = Callable[[Transport], None]
_ASKED = 6  # times that a host is asked, after its connection broke, how the switch ended


class Switching:
    """One change of what is live, on all hosts; the outcome gets what became of each."""

    def __init__(
        self,
        transports: Mapping[str, Transport],
        policy: Policy,
        request: Request,
        outcome: Outcome,
    ) -> None:
        self.transports, self.policy = transports, policy
        self.request, self.outcome = request, outcome

    def work(
        self, release: str, action: str, told: Callable[[str], Callable[[Event], None]]
    ) -> Work:
        """Return what switches one host to a release."""
        arguments = ("--release", release, "--action", action, "--owner", self.request.owner)

        def switch(transport: Transport) -> None:
            try:
                transport.call(SWITCH, *arguments, on_event=told(transport.name))
            except LostError as error:
                find_out(transport, release, error)

        return switch

    def forward(self, hosts: Sequence[str], work: Work) -> None:
        """Switch batch after batch; one with a failure, or Ctrl-C, is the last (policy ``continue``: goes on)."""
        batches = self.batches(hosts)
        for number, batch in enumerate(batches):
            stopped = False
            try:
                done, errors = each(self.transports, batch, work)
            except Interruption as error:
                done, errors, stopped = error.done, error.errors, True
            except KeyboardInterrupt:  # between two hosts' ends: those of this batch are not known
                done, errors, stopped = (
                    {},
                    dict.fromkeys(batch, DeployKitError("interrupted")),
                    True,
                )
            self.outcome.live.update(dict.fromkeys(done, self.outcome.release))
            self._failed(errors)
            if stopped or (errors and self.policy.on_failure != "continue"):
                left = [host for batch in batches[number + 1 :] for host in batch]
                if stopped:
                    self.outcome.errors.update(dict.fromkeys(left, "not switched: interrupted"))
                return

    def batches(self, hosts: Sequence[str]) -> list[list[str]]:
        """Return the hosts in the groups that switch together."""
        batches = [[host for host in batch if host in hosts] for batch in self.request.batches]
        return [batch for batch in batches if batch] or [[host] for host in hosts]

    def _failed(self, errors: Mapping[str, DeployKitError]) -> None:
        for host, error in errors.items():
            self.outcome.errors[host] = str(error)
            if error.exit_code == HALF_DONE or isinstance(error, LostError):
                self.outcome.code = HALF_DONE
                self.outcome.live[host] = None

    def conclude(self, live: Mapping[str, str | None], back: Callable[[str], Work]) -> None:
        """Apply the policy: take all back (default), or leave each host as it is now.

        ``live`` is what served before; ``back`` returns what switches a host to a release.
        """
        outcome = self.outcome
        if self.policy.on_failure == "back":
            self._take_back(
                {
                    host: live[host]
                    for host, now in outcome.live.items()
                    if now == outcome.release != live[host]
                },
                back,
            )
        if outcome.code != HALF_DONE:
            mixed = len(set(outcome.live.values())) > 1
            outcome.code = HALF_DONE if mixed else TAKEN_BACK

    def _take_back(self, before: Mapping[str, str | None], back: Callable[[str], Work]) -> None:
        for host in [host for host, release in before.items() if release is None]:
            self.outcome.errors[host] = "was switched; nothing was live before to go back to"
            self.outcome.code = HALF_DONE
        for release in sorted({release for release in before.values() if release is not None}):
            hosts = [host for host, one in before.items() if one == release]
            try:
                done, errors = each(self.transports, hosts, back(release))
            except Interruption as error:
                done, errors = error.done, error.errors
            self.outcome.live.update(dict.fromkeys(done, release))
            for host, problem in errors.items():
                self.outcome.errors[host] = f"could not be taken back: {problem}"
                self.outcome.code = HALF_DONE


def find_out(transport: Transport, release: str, error: LostError) -> None:
    """The connection died: the host goes on by itself; ask it, for a while, how it ended."""
    for attempt in range(_ASKED):
        time.sleep(2 * attempt)
        try:
            live = transport.call(SETTLE).live
        except LostError:
            continue
        if live == release:
            return
        serving = f"{live} serves" if live else "nothing serves"
        raise DeployKitError(f"the connection broke during the switch; {serving}", "", TAKEN_BACK)
    raise error
