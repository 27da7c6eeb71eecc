"""Switches hosts in batches, and takes them back if one fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import cast

from django_deploykit.errors import DeployKitError
from django_deploykit.progress import RUNS, Progress
from django_deploykit.release.fanout import Interruption, each
from django_deploykit.release.outcome import Outcome
from django_deploykit.release.report.timeline import Timeline
from django_deploykit.release.transports.base import LostError, Transport
from django_deploykit.runtime.base.errors import HALF_DONE, REFUSED, TAKEN_BACK
from django_deploykit.runtime.deploy.plan import Step
from django_deploykit.runtime.wire.events import Emit, Event, HostWarning
from django_deploykit.runtime.wire.operating import STATUS
from django_deploykit.runtime.wire.releasing import SETTLE, SWITCH, SwitchResult

_ATTEMPTS = 6  # to ask a host how its switch ended after the connection broke


class Switching:
    """The switches of one plan. Each host's result is recorded in the outcome."""

    def __init__(
        self,
        transports: Mapping[str, Transport],
        owner: str,
        outcome: Outcome,
        progress: Progress,
        timeline: Timeline,
        sleep: Callable[[float], None],
    ) -> None:
        """``sleep`` waits before a host whose connection broke is asked again."""
        self.transports, self.owner, self.outcome = transports, owner, outcome
        self.progress, self.timeline, self._sleep = progress, timeline, sleep
        self.interrupted = False
        self._only_refused = True  # no host has switched, or begun to
        self.before: dict[str, str | None] = {}  # what was live before, on each host reached

    def switch(self, step: Step, action: str) -> str:
        """Switch a batch of hosts; return why there was nothing to do, or an empty string.

        In a rollback, hosts that already serve the target are left out.
        """
        hosts = [
            host
            for host in step.hosts
            if action != "rollback" or self.outcome.live.get(host) != step.release
        ]
        self.before.update({host: self.outcome.live.get(host) for host in step.hosts})
        done, errors = self._each(hosts, "switch", step.release, action)
        self._record(done)
        self._only_refused &= not done
        for host, error in errors.items():
            self.outcome.errors[host] = str(error)
            unknown = isinstance(error, LostError)
            self._only_refused &= error.exit_code == REFUSED and not unknown
            if error.exit_code == HALF_DONE or unknown:
                self.outcome.code = HALF_DONE
                self.outcome.live[host] = None
        return "" if hosts else f"{step.release} is live already"

    def skip(self, hosts: Sequence[str]) -> None:
        """Record that hosts were not switched because the command was interrupted."""
        self.outcome.errors.update(dict.fromkeys(hosts, "not switched: interrupted"))

    def conclude(self, on_failure: str) -> None:
        """Apply the policy after a failure: take all hosts back, or leave each as it is."""
        outcome = self.outcome
        if on_failure == "back":
            # A host that failed has reverted by itself, so it serves what it served before.
            self._take_back(
                {
                    host: before
                    for host, before in self.before.items()
                    if outcome.live[host] not in (None, before)
                }
            )
        if outcome.code != HALF_DONE:
            mixed = len(set(outcome.live.values())) > 1
            outcome.code = HALF_DONE if mixed else TAKEN_BACK
        if self._only_refused and not self.interrupted:
            outcome.code = REFUSED

    def _take_back(self, targets: Mapping[str, str | None]) -> None:
        for host in [host for host, release in targets.items() if release is None]:
            self._not_taken_back(host, "was switched; nothing was live before to go back to")
        for release in sorted({one for one in targets.values() if one is not None}):
            hosts = [host for host, one in targets.items() if one == release]
            done, errors = self._each(hosts, "back", release, "rollback")
            self._record(done)
            for host, problem in errors.items():
                self._not_taken_back(host, f"could not be taken back: {problem}")

    def _not_taken_back(self, host: str, problem: str) -> None:
        self.outcome.errors[host] = problem
        self.outcome.code = HALF_DONE

    def _each(
        self, hosts: Sequence[str], name: str, release: str, action: str
    ) -> tuple[Mapping[str, SwitchResult], Mapping[str, DeployKitError]]:
        work = self.timeline.around(name, lambda one: self._switch_one(one, release, action))
        try:
            return each(self.transports, hosts, work)
        except Interruption as error:
            self.interrupted = True
            return cast("Mapping[str, SwitchResult]", error.done), error.errors
        except KeyboardInterrupt:  # outside of the hosts' work, so their results are unknown
            self.interrupted = True
            return {}, {host: DeployKitError("interrupted", "", HALF_DONE) for host in hosts}

    def _record(self, done: Mapping[str, SwitchResult]) -> None:
        for host, result in done.items():
            self.outcome.live[host] = result.live
            self.outcome.back[host] = result.last_good
            self.outcome.answered[host] = result.host

    def _switch_one(self, transport: Transport, release: str, action: str) -> SwitchResult:
        arguments = ("--release", release, "--action", action, "--owner", self.owner)
        try:
            return transport.call(SWITCH, *arguments, on_event=self._listener(transport.name))
        except LostError as error:
            find_out(transport, release, error, self._sleep)
            if self.before.get(transport.name) == release:
                require_answer(transport, release)
            return SwitchResult(release)

    def _listener(self, host: str) -> Emit:
        def show(event: Event) -> None:
            if isinstance(event, HostWarning):
                self.outcome.warnings.append(f"{host}: {event.text}")
            self.progress.at(host, "switch", RUNS, str(event))

        return show


def require_answer(transport: Transport, release: str) -> None:
    """Raise :class:`DeployKitError` if a host does not answer; its live release was live before."""
    status = transport.call(STATUS, "--quick")
    if not status.answers:
        raise DeployKitError(
            f"the connection broke during the switch; {release} is live, but {status.problem}",
            "",
            TAKEN_BACK,
        )


def find_out(
    transport: Transport,
    release: str,
    error: LostError,
    sleep: Callable[[float], None],
) -> None:
    """Ask a host how its switch ended, as it continues after the connection broke.

    Raises :class:`DeployKitError` if ``release`` is not live, and ``error`` if the host cannot be
    reached for half a minute.
    """
    for attempt in range(_ATTEMPTS):
        sleep(2 * attempt)
        try:
            live = transport.call(SETTLE).live
        except LostError:
            continue
        except DeployKitError as problem:  # the switch has begun, and may be half done
            raise DeployKitError(problem.message, problem.hint, HALF_DONE) from error
        if live == release:
            return
        serving = f"{live} is live" if live else "nothing is live"
        raise DeployKitError(f"the connection broke during the switch; {serving}", "", TAKEN_BACK)
    raise error
